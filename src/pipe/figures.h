/*
 * figures: the table of counters and gauges of collector and worker: name, kind, unit, help. base/metric holds the numbers.
 */
#ifndef PIPE_FIGURES_H
#define PIPE_FIGURES_H

#include "base/metric.h"

#define FIGURES(X) \
	X(FILES_SEEN, "files_seen", "counter", "files found in watched folders") \
	X(FILES_ARCHIVED, "files_archived", "counter", "originals archived and verified") \
	X(FILES_PUBLISHED, "files_published", "counter", "originals whose events the bus has acknowledged") \
	X(FILES_COMMITTED, "files_committed", "counter", "originals whose rows are in the tables") \
	X(FILES_REPLAYED, "files_replayed", "counter", "originals with rejects that were dissected again and committed") \
	X(FILES_DUPLICATE, "files_duplicate", "counter", "files whose content was known already") \
	X(FILES_SET_ASIDE, "files_set_aside", "counter", "files that were not taken: unreadable, grown, outside") \
	X(FILES_FOREIGN, "files_foreign", "counter", "files left to another instance that had claimed them") \
	X(BYTES_ARCHIVED, "bytes_archived", "counter", "bytes of originals archived") \
	X(EVENTS_CONSUMED, "events_consumed", "counter", "events the worker has read") \
	X(EVENTS_DUPLICATE, "events_duplicate", "counter", "events dropped because their identity was committed already") \
	X(ROWS_COMMITTED, "rows_committed", "counter", "rows in committed table files") \
	X(REJECTS, "rejects", "counter", "rejects in committed originals") \
	X(ROWS_LOST, "rows_lost", "counter", "rows known to be lost in rejects") \
	X(VALUES_OUTSIDE, "values_outside", "counter", "values that became null because their SQL type cannot hold them") \
	X(ROWS_AHEAD, "rows_ahead", "counter", "committed rows whose time is further ahead of their file than times.ahead") \
	X(ROWS_BEHIND, "rows_behind", "counter", "committed rows whose time is further behind their file than times.behind") \
	X(COMMITS, "commits", "counter", "manifests written") \
	X(FILES_WRITTEN, "table_files", "counter", "table files published") \
	X(BYTES_WRITTEN, "table_bytes", "counter", "bytes of table files published") \
	X(SEQUENCE_FAILURES, "sequence_failures", "counter", "gaps in the exporters' sequence numbers: flows were lost there") \
	X(STAT_MISMATCHES, "stat_mismatches", "counter", "nfcapd files whose flows differ from their own statistics record") \
	X(COMPACTIONS, "compactions", "counter", "hours whose small table files became few") \
	X(FILES_COMPACTED, "files_compacted", "counter", "table files that were replaced by compacted ones") \
	X(WORKER_MEMORY, "writer_memory_bytes", "gauge", "memory accounted by open table writers") \
	X(OPEN_WRITERS, "open_writers", "gauge", "table files being written") \
	X(WAITING, "waiting", "gauge", "1 while a service or the disk makes this process wait") \
	X(PARTITIONS_REGISTERED, "partitions_registered", "counter", "partitions that the catalog was told of") \
	X(PARTITIONS_WAITING, "partitions_waiting", "gauge", "partitions that the catalog is still to be told of") \
	X(CATALOG_AWAY, "catalog_away", "gauge", "1 while the catalog does not take what it is told") \
	X(STOPPING, "stopping", "gauge", "1 while the supervisor waits for its processes to leave") \
	X(CONFINED, "confined_processes", "gauge", "processes without rights that dissect now") \
	X(CONFINED_STARTED, "confined_started", "counter", "such processes started") \
	X(CONFINED_STOPPED, "confined_stopped", "counter", "such processes that crashed or were stopped for what they did; what they dissected is a reject") \
	X(SECCOMP, "confined_seccomp", "gauge", "1 while seccomp is in force for them") \
	X(LANDLOCK, "confined_landlock_abi", "gauge", "the ABI of Landlock that is in force for them, 0 none") \
	X(RESTARTS, "restarts", "counter", "times the supervisor restarted a process")

enum figure {
#define X(id, name, kind, help) FIGURE_##id,
	FIGURES(X)
#undef X
	    FIGURE_COUNT
};
_Static_assert((int)FIGURE_COUNT <= (int)METRIC_VALUES, "base/metric.h holds that many");

struct figure_info {
	const char *name, *kind, *help;
};
extern const struct figure_info figure_info[FIGURE_COUNT];

#endif
