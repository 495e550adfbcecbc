/*
 * catalog: tells SQL engines which tables and partitions there are. Carries no rows.
 *
 * Everything that is asked for is asked for by state, not by step: "see that it is there". So a call may be made again
 * after any failure, and by several processes at once.
 *
 * Thread  one catalog per thread; two share nothing but what is behind them
 * Units   times in milliseconds; locations are URLs as the SQL engines see them
 * Errors  RC_AGAIN: away, silent or busy; the same call may work later. RC_BAD: what is there contradicts what is
 *         wanted, both sides in *e: a person has to look
 */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "data/schema.h"

struct catalog;
struct known;

struct catalog_option { /* of the provider: timeout_ms, user */
	const char *key, *value;
};

struct catalog_params {
	const char *place; /* the URL without its scheme */
	const struct catalog_option *option;
	size_t options;
	const atomic_bool *halt; /* calls under way give up soon (RC_AGAIN) once it is true; NULL never */
};

struct catalog_table {
	const struct schema *schema; /* name, columns, partition keys */
	const char *location;        /* of the table's folder; those of partitions lie in it, "<location>/y=2026/m=1" */
};

enum catalog_match {
	CATALOG_ABSENT,
	CATALOG_SAME,    /* as wanted, perhaps with more columns after ours */
	CATALOG_SHORTER, /* lacks columns at its end: ensure_table appends them */
	CATALOG_OTHER,   /* can't be reconciled */
};

struct catalog_view {
	enum catalog_match match;
	char text[ERR_TEXT]; /* what is lacking or other, both sides; "" for CATALOG_SAME without more to say */
};

struct catalog_ops {
	const char *scheme; /* "thrift" */
	bool idle;          /* nobody listens: callers need not gather what to tell */

	/* Checks the place and the options (RC_BAD); reaches nothing yet: every call connects when it must. */
	enum rc (*open)(const struct catalog_params *p, struct catalog **out, struct err *e);
	/* Reach the service, make nothing. *there: the database exists. */
	enum rc (*reach)(struct catalog *c, bool *there, struct err *e);
	enum rc (*ensure_database)(struct catalog *c, struct err *e);
	/* Compare, make nothing. */
	enum rc (*describe)(struct catalog *c, const struct catalog_table *t, struct catalog_view *out, struct err *e);
	/* Make it, or append the columns that it lacks, to every partition too. RC_BAD: CATALOG_OTHER. The database
	 * must be there. */
	enum rc (*ensure_table)(struct catalog *c, const struct catalog_table *t, struct err *e);
	/* Paths of all partitions that it knows, "y=2026/m=1/d=14/h=9", in any order. RC_END: no such table. */
	enum rc (*partitions)(struct catalog *c, const struct catalog_table *t,
	    void (*see)(void *context, const char *path), void *context, struct err *e);
	/* value: as many texts as the schema has partition keys. The table must be there. RC_BAD: it is, somewhere
	 * else. */
	enum rc (*ensure_partition)(struct catalog *c, const struct catalog_table *t, const char *path,
	    const char *const *value, struct err *e);
	/*
	 * Let a partition that is there lie at that location; nothing else of it changes. RC_END: no such partition, or
	 * no such table. RC_BAD: it lies neither in its own place nor aside (catalog_aside): somebody put it there.
	 */
	enum rc (*move_partition)(struct catalog *c, const struct catalog_table *t, const char *path,
	    const char *const *value, const char *location, struct err *e);
	/* Forget a partition; no file is touched. RC_END: no such partition, or no such table. RC_BAD: as
	 * move_partition. */
	enum rc (*drop_partition)(struct catalog *c, const struct catalog_table *t, const char *path,
	    const char *const *value, struct err *e);
	void (*close)(struct catalog *c);
};

/* First member of every provider's own struct. */
struct catalog {
	const struct catalog_ops *ops;
	struct known
	    *known; /* partitions that need not be asked for again; a provider clears it with every new connection */
};

enum rc catalog_open(
    const struct catalog_ops *ops, const struct catalog_params *p, struct catalog **out, struct err *e) MUST_USE;
enum rc catalog_reach(struct catalog *c, bool *there, struct err *e) MUST_USE;
enum rc catalog_ensure_database(struct catalog *c, struct err *e) MUST_USE;
enum rc catalog_describe(
    struct catalog *c, const struct catalog_table *t, struct catalog_view *out, struct err *e) MUST_USE;
enum rc catalog_ensure_table(struct catalog *c, const struct catalog_table *t, struct err *e) MUST_USE;
/* Ask for all partitions at once and remember them, so that catalog_knows and catalog_ensure_partition need not. */
enum rc catalog_learn(struct catalog *c, const struct catalog_table *t, struct err *e) MUST_USE;
/* Paths of all partitions that it knows, in any order. RC_END: no such table. */
enum rc catalog_partitions(struct catalog *c, const struct catalog_table *t,
    void (*see)(void *context, const char *path), void *context, struct err *e) MUST_USE;
/* Is it remembered? false: it may be there all the same. */
bool catalog_knows(const struct catalog *c, const struct catalog_table *t, const char *path);
/* path as schema_partition_path makes it; RC_BAD when it is no such path. One that is remembered costs nothing;
 * a table without partition keys has none. */
enum rc catalog_ensure_partition(
    struct catalog *c, const struct catalog_table *t, const char *path, struct err *e) MUST_USE;
/* Let its partition lie in its own place again (generation 0), or aside (catalog_aside). As the provider's
 * move_partition; a table without partition keys has none: RC_END. */
enum rc catalog_move_partition(
    struct catalog *c, const struct catalog_table *t, const char *path, uint64_t generation, struct err *e) MUST_USE;
/*
 * Where a partition may lie for a while, beside the table's own folder: "<root>/<dataset>/aside/<path>/<generation>"
 * with the table's at "<root>/<dataset>/hive". Caller frees. generation 0: without that part.
 */
char *catalog_aside(const struct catalog_table *t, const char *path, uint64_t generation);
/* Let it forget a partition whose files are gone for good, as the provider's drop_partition. */
enum rc catalog_drop_partition(
    struct catalog *c, const struct catalog_table *t, const char *path, struct err *e) MUST_USE;
/* A partition that is remembered is asked for again: somebody else may have dropped it. */
void catalog_forget(struct catalog *c, const struct catalog_table *t, const char *path);
void catalog_close(struct catalog **c);

/* The values of a partition's path, borrowed from out; false: no path of this schema ("y=2026/m=1/d=14/h=9"). */
enum { CATALOG_PATH = 256 };
bool catalog_values(const struct schema *s, const char *path, char out[CATALOG_PATH], const char **value);

/* Nobody is told: engines list the folders themselves. */
extern const struct catalog_ops catalog_none;

/* A Hive Metastore, 2.3 or later. place: host[:port][,host[:port]…][/database]. Options: timeout_ms, user. */
extern const struct catalog_ops catalog_hive;

#endif
