/*
 * world: a lake, a bus and one pipeline in a folder of its own, with a dissector of text lines, for tests of the
 * worker's half.
 *
 * An input is lines "<unix seconds> <number> <text>". A line "bad …" is a reject, an input that begins with "refuse" is
 * refused, one without a last line end did not end cleanly. Handles on bus and store are opened by whoever needs them,
 * so that a forked child can have its own.
 */
#ifndef TEST_PIPE_WORLD_H
#define TEST_PIPE_WORLD_H

#include "bus/bus.h"
#include "pipe/draft.h"
#include "pipe/settings.h"
#include "store/store.h"

struct world {
	char dir[64];
	struct settings settings;
	struct pipeline pipeline;
	struct schema *schema;
	struct projection *projection, *rendered;
	unsigned partition; /* that events go to and sums are of */
};

void world_open(struct world *w);
void world_close(struct world *w);
struct bus *world_bus(const struct world *w);
struct store *world_store(const struct world *w);

/* An input of count lines, one every step_s seconds from start_s on; texts are "<mark>-<n>". Caller frees. */
char *world_lines(const char *mark, int64_t start_s, int64_t step_s, unsigned count);

/* Archive the text as an original and publish its events. Parts: bit p of mask says that part p is published; rows with
 * all parts is mask ~0. */
void world_file(const struct world *w, const char *name, const char *text);
/* The same as a file event among the rows events: what no event takes. */
void world_file_among_rows(const struct world *w, const char *name, const char *text);
void world_rows(const struct world *w, const char *name, const char *text, uint32_t mask);
void world_flush(const struct world *w, const char *topic);

/* worker_run with once, in this process; the topics get as many partitions as it has threads. */
enum rc world_work(const struct world *w, struct err *e);

struct world_sum {
	uint64_t commits, files, rows, originals, rejects, reject_files, stray;
	bool chained; /* every manifest begins where the one before ended */
};

/*
 * What the lake's manifests (and history) of the topic add up to. Asserts that every file they name lies in its place
 * with its size and crc, and counts as stray what lies in table or rejects folders without being named.
 */
struct world_sum world_sum(const struct world *w, const char *topic);

/* Files below a folder of the lake. */
unsigned world_count(const struct world *w, const char *folder);

/* How many table files hold this text. */
unsigned world_holding(const struct world *w, const char *text);

/* A bench of one's own, for tests below the worker. */
struct world_bench {
	struct bench bench;
	struct crc32_tables crc;
};
void world_bench_open(const struct world *w, struct world_bench *b);
void world_bench_close(struct world_bench *b);

#endif
