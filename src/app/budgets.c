/* A budget that can't hold what it is for would show at night, under load: so it is refused when the file is read. */
#include "app/budgets.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

enum {
	ROWS_IN_MEMORY = 4,    /* originals of the largest size: one stuck group, one on its way, as much again */
	HOUR_BYTES = 64 << 10, /* least of worker.memory for an open table file */
	COLLECTOR_THREADS = 6, /* at most: archive threads, publisher, finder */
	THREAD_FILES = 24,     /* of a thread: a lake, a bus, a ledger, files that wait for their sync */
	PROCESS_FILES = 64,    /* figures, locks, signals, broker connections */
	TEXT = 40,
};

/* Descriptors that the process with most needs at most, when everything is in use. */
static unsigned files_needed(const struct settings *s)
{
	unsigned collector = PROCESS_FILES + COLLECTOR_THREADS * THREAD_FILES + (unsigned)s->pipelines;
	unsigned worker = PROCESS_FILES + s->workers * (THREAD_FILES + s->open_hours);
	return collector > worker ? collector : worker;
}

enum rc budgets_settle(const struct config *c, const char **key, struct err *e)
{
	const struct settings *s = &c->settings;
	char a[TEXT];
	*key = "collect.memory";
	if (s->collect_memory < ROWS_IN_MEMORY * s->rows_max)
		return err_set(RC_BAD, e, "must be at least %d times event.rows_max (%s)", ROWS_IN_MEMORY,
		    str_show_bytes(s->rows_max, a, sizeof a));
	*key = "collect.pending";
	if (s->collect_pending < 2 * s->collect_group)
		return err_set(RC_BAD, e, "must be at least twice collect.group (%u)", s->collect_group);
	*key = "worker.memory";
	if (s->worker_memory < (uint64_t)HOUR_BYTES * s->open_hours)
		return err_set(RC_BAD, e, "must be at least %d KiB for each of worker.open_hours (%u)",
		    HOUR_BYTES >> 10, s->open_hours);
	*key = "open_files";
	if (s->open_files < files_needed(s))
		return err_set(RC_BAD, e, "%u are too few for %u threads of worker.open_hours %u: at least %u",
		    s->open_files, s->workers, s->open_hours, files_needed(s));
	return RC_OK;
}

struct checking {
	const struct config *config;
	void (*line)(void *context, bool ok, const char *what, const char *text);
	void *context;
};

static void refuse(const struct checking *c, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Where the key is given: what is a default has the file alone. */
static void refuse(const struct checking *c, const char *key, const char *format, ...)
{
	char why[300], text[600];
	unsigned line = config_line(c->config, NULL, key);
	va_list args;
	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	if (line != 0)
		snprintf(text, sizeof text, "%s:%u: %s: %s", c->config->settings.file, line, key, why);
	else
		snprintf(text, sizeof text, "%s: %s: %s", c->config->settings.file, key, why);
	c->line(c->context, false, "budgets", text);
}

static void check_memory(const struct checking *c)
{
	const struct settings *s = &c->config->settings;
	uint64_t has = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t worker = s->workers * s->worker_memory;
	char a[TEXT], b[TEXT];
	str_show_bytes(has, b, sizeof b);
	if (worker > has)
		refuse(c, "worker.memory", "%u threads may take %s, this machine has %s", s->workers,
		    str_show_bytes(worker, a, sizeof a), b);
	else if (worker + s->collect_memory > has)
		refuse(c, "collect.memory", "worker threads and the collector may take %s, this machine has %s",
		    str_show_bytes(worker + s->collect_memory, a, sizeof a), b);
	if (config_line(c->config, NULL, "confine.memory") != 0 && s->confine_memory > has)
		refuse(c, "confine.memory", "one process may have %s, this machine has %s",
		    str_show_bytes(s->confine_memory, a, sizeof a), b);
}

/* Only what somebody wrote down: a small machine works with the defaults, until its disk is full. */
static void check_disk(const struct checking *c, const char *key, const char *place, uint64_t bytes)
{
	struct statvfs v;
	char a[TEXT], b[TEXT];
	if (config_line(c->config, NULL, key) == 0 || statvfs(place, &v) != 0)
		return;
	uint64_t has = (uint64_t)v.f_blocks * v.f_frsize;
	if (bytes > has)
		refuse(c, key, "%s on a file system of %s", str_show_bytes(bytes, a, sizeof a),
		    str_show_bytes(has, b, sizeof b));
}

static void check_files(const struct checking *c)
{
	const struct settings *s = &c->config->settings;
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_max < files_needed(s))
		refuse(c, "open_files", "the system allows %llu descriptors (RLIMIT_NOFILE), at least %u are needed",
		    (unsigned long long)limit.rlim_max, files_needed(s));
	else if (config_line(c->config, NULL, "open_files") != 0 && limit.rlim_max < s->open_files)
		refuse(c, "open_files", "%u, but the system allows %llu (RLIMIT_NOFILE)", s->open_files,
		    (unsigned long long)limit.rlim_max);
}

void budgets_check(const struct config *config,
    void (*line)(void *context, bool ok, const char *what, const char *text), void *context)
{
	const struct checking c = {config, line, context};
	const struct settings *s = &config->settings;
	check_memory(&c);
	check_files(&c);
	check_disk(&c, "ledger.max_bytes", s->state, s->ledger_max_bytes);
	check_disk(&c, "dedupe.max_bytes", s->state, s->dedupe_max_bytes);
	if (strcmp(s->bus->scheme, "embedded") == 0)
		check_disk(&c, "bus.max_bytes", s->bus_place, config->bus_max_bytes);
	if (strcmp(s->store->scheme, "file") == 0)
		check_disk(&c, "collect.spool", s->store_place, s->collect_spool);
}

uint64_t budget_bound(const struct config *c, enum limit l)
{
	const struct settings *s = &c->settings;
	const uint64_t bound[LIMIT_COUNT] = {
	    [LIMIT_COLLECT_MEMORY] = s->collect_memory,
	    [LIMIT_COLLECT_PENDING] = s->collect_pending,
	    [LIMIT_COLLECT_SPOOL] = s->collect_spool,
	    [LIMIT_LEDGER] = s->ledger_max_bytes,
	    [LIMIT_BUS] = strcmp(s->bus->scheme, "embedded") == 0 ? c->bus_max_bytes : 0,
	    [LIMIT_DEDUPE] = s->dedupe_max_bytes,
	    [LIMIT_OPEN_FILES] = s->open_files,
	    [LIMIT_WORKER_MEMORY] = s->workers * s->worker_memory,
	    [LIMIT_OPEN_HOURS] = (uint64_t)s->workers * s->open_hours,
	    [LIMIT_PARTITIONS] = s->partitions_max,
	    [LIMIT_REJECTS] = s->rejects_max,
	    [LIMIT_ROWS] = s->rows_max,
	    [LIMIT_INLINE] = s->inline_max,
	    [LIMIT_COMMIT_BYTES] = s->commit_bytes,
	    [LIMIT_COMMIT_EVENTS] = s->commit_events,
	    [LIMIT_FILE_BYTES] = s->file_max_bytes,
	};
	return bound[l];
}

/* Of descriptors each process has its own, and of originals each is its own: the largest tells. The rest adds up. */
static bool adds_up(enum limit l)
{
	return !limit_info[l].most && l != LIMIT_OPEN_FILES;
}

void budget_add(struct budget_state state[LIMIT_COUNT], const struct metric_slot *s, bool alive)
{
	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		enum limit l = (enum limit)i;
		struct budget_state *b = &state[i];
		uint64_t used = limit_get(s, l, LIMIT_USED);
		int64_t since_ms = (int64_t)limit_get(s, l, LIMIT_SINCE_MS);
		b->reached += limit_get(s, l, LIMIT_REACHED);
		/* What a dead process held is free again; the largest it met stays told. */
		if (!alive && !limit_info[l].most)
			continue;
		b->used = adds_up(l) ? b->used + used : used > b->used ? used : b->used;
		if (alive && since_ms != 0 && (b->since_ms == 0 || since_ms < b->since_ms))
			b->since_ms = since_ms;
	}
}
