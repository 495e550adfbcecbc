/*
 * settings: what a configuration file came to. Plain data; filled and checked by app (keys table), read by pipe and
 * ops.
 *
 * Providers are ops structs that app chose; pipe names none.
 *
 * Thread  immutable once filled
 */
#ifndef PIPE_SETTINGS_H
#define PIPE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/bus.h"
#include "catalog/catalog.h"
#include "data/projection.h"
#include "data/schema.h"
#include "dissect/dissect.h"
#include "format/parquet/parquet.h"
#include "store/store.h"

enum after { AFTER_KEEP, AFTER_DELETE, AFTER_MOVE };

enum rows_worker { ROWS_NATIVE, ROWS_SPARK };

struct number_list {
	unsigned *at;
	size_t count;
};

struct pipeline {
	char *name;
	char *watch;   /* absolute folder */
	char *pattern; /* of file names */
	bool recursive;
	const struct dissect_ops *dissector;
	struct dissect_option *option; /* options: */
	size_t options;
	const struct schema *schema;         /* of its dataset */
	const struct projection *projection; /* dissector's fields -> schema */
	const struct projection *rendered;   /* rows events -> schema */
	enum after after;
	char *after_dir;      /* AFTER_MOVE */
	unsigned rows_worker; /* enum rows_worker: who takes the rows topic; files topics are always native */
	/* A file found by rescan (not closed or renamed under our eyes) must be unchanged that long. */
	int64_t settle_ms;
	char *topic_files, *topic_rows; /* <instance>.<pipeline>.files, .rows */
	char *topic_replay;             /* .replay: of no bus; the commits of replays are a chain of that name */
};

struct settings {
	char *file; /* the configuration file, for messages */
	char *instance;
	char *lake_url, *bus_url;
	const struct store_ops *store;
	char *store_place;
	struct store_option *store_option;
	size_t store_options;
	const struct bus_ops *bus;
	char *bus_place;
	struct bus_option *bus_option;
	size_t bus_options;
	char *catalog_url;
	const struct catalog_ops *catalog;
	char *catalog_place;
	struct catalog_option *catalog_option;
	size_t catalog_options;
	char *catalog_location; /* URL of the lake's root as SQL engines see it, no slash at its end */
	char *state; /* local folder: ledger, worker caches, figures, locks */
	unsigned workers;
	struct number_list partitions; /* partitions: a worker here takes only these of every topic; none: all */

	uint64_t inline_max; /* event.inline_max: larger inputs go as file events */
	uint64_t rows_max;   /* event.rows_max: encoded rows of one original on the bus */

	int64_t commit_age_ms;  /* commit.max_age */
	uint64_t commit_bytes;  /* commit.max_bytes */
	unsigned commit_events; /* commit.max_events, at most 4096 */

	uint64_t worker_memory;  /* worker.memory, per thread */
	unsigned open_hours;     /* worker.open_hours */
	unsigned partitions_max; /* partitions.max: hours one original may touch */
	int64_t ahead_ms, behind_ms; /* times.ahead, times.behind: rows beyond are counted as implausible */
	struct parquet_options parquet;
	uint64_t file_max_bytes; /* file.max_bytes: a table file rolls */

	unsigned foreign_keep;  /* foreign: keep: files of other programs in the lake are no damage */
	unsigned claim_shared;  /* claim: shared: other instances watch the same folders */
	int64_t claim_stale_ms; /* claim.stale: another's claim is shown when it is that old */
	int64_t claim_keep_ms;  /* claim.keep: one that is done stays at least that long */

	unsigned confine;        /* confine: on: dissectors run in processes without rights */
	uint64_t confine_memory; /* confine.memory */
	int64_t confine_time_ms; /* confine.time */
	unsigned confine_files;  /* confine.files: until such a process is replaced */

	int64_t rescan_ms;      /* collect.rescan */
	unsigned collect_group; /* collect.group: files that share their fsyncs */
	uint64_t collect_memory;  /* collect.memory: encoded rows in hand */
	unsigned collect_pending; /* collect.pending: files found and not dealt with */
	uint64_t collect_spool;   /* collect.spool: originals archived while the bus takes nothing */
	uint64_t rejects_max;     /* rejects.max_bytes: lines about one original */
	unsigned open_files;      /* open_files: descriptors of a process */
	uint64_t ledger_max_bytes;
	uint64_t dedupe_max_bytes; /* of the index of committed identities */
	unsigned compact;              /* compact: on: `run` compacts by itself */
	int64_t compact_quiet_ms;      /* compact.quiet: nothing came for so long */
	uint64_t compact_target_bytes; /* compact.target: files up to half of it are small */
	int64_t compact_grace_ms;      /* compact.grace: what was replaced is kept so long */
	int64_t compact_every_ms;      /* compact.every: how often it is looked */

	int64_t expire_tables_ms;    /* expire.tables: what `sluice expire` lets go is older; 0: nothing */
	int64_t expire_rejects_ms;   /* expire.rejects */
	int64_t expire_originals_ms; /* expire.originals */

	int64_t dedupe_horizon_ms;
	int64_t stop_timeout_ms;
	int64_t watchdog_ms; /* the supervisor's; 0: none */
	int64_t clean_age_ms; /* manifests younger are kept: one hour */

	struct pipeline *pipeline;
	size_t pipelines;
};

/* Where things lie in the lake. One place so that collector, worker, status and audit agree. Each returns its length or
 * aborts when size is too small (paths are built from checked parts). */
void lake_commits(
    char *out, size_t size, const char *topic, unsigned partition); /* _sluice/commits/<topic>/<partition> */
void lake_commit(
    char *out, size_t size, const char *topic, unsigned partition, uint64_t start); /* …/<start, 20 digits> */
void lake_history(
    char *out, size_t size, const char *topic, unsigned partition); /* _sluice/history/<topic>/<partition> */
void lake_staging(char *out, size_t size, const char *attempt);     /* _sluice/staging/<attempt> */
void lake_schema(char *out, size_t size, uint64_t fingerprint);     /* _sluice/schemas/<16 hex>.avsc */

#endif
