/*
 * registrar: tells the catalog of a worker's partitions, in a thread of its own, so that no commit ever waits for it.
 *
 * What is to be told is what the lake holds and the catalog lacks; nothing else is kept. A commit notes its hours, and
 * they are told at once. Whoever takes a partition of the bus over asks for a look through the lake: so what another
 * process published and did not get to tell is told by its heir (doc/catalog.md has the argument).
 *
 * Thread  registrar_note and registrar_look from any thread; they take a lock, and no more
 */
#ifndef PIPE_REGISTRAR_H
#define PIPE_REGISTRAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/metric.h"
#include "base/rc.h"
#include "catalog/catalog.h"
#include "pipe/settings.h"
#include "store/store.h"

struct registrar;

/* NULL when the settings name a catalog that wants to know nothing; every call here takes NULL. settings are borrowed.
 */
struct registrar *registrar_start(const struct settings *s, const char *name, struct metric_slot *figures);

/* Rows of that hour were published. */
void registrar_note(struct registrar *r, const struct schema *schema, int64_t hour);

/* Compare all of a dataset's partitions. */
void registrar_look(struct registrar *r, const struct schema *schema);

/*
 * Tell what is left, for at most wait_ms or until hurry says so, and end. RC_AGAIN: something is still to be told, why
 * in *e; the next start looks through the lake and tells it.
 */
enum rc registrar_stop(
    struct registrar **r, int64_t wait_ms, bool (*hurry)(void *context), void *context, struct err *e) MUST_USE;

struct registrar_count {
	uint64_t there, made;
	uint64_t refused; /* the catalog has them somewhere else */
	bool table;       /* it is there now */
};

/* One dataset here and now: its table, and every partition that the lake has. Nothing is made for one without rows. */
enum rc registrar_all(struct catalog *c, struct store *store, const struct catalog_table *t,
    struct registrar_count *count, struct err *e) MUST_USE;

/* The same without making anything: count->made is what registrar_all would make. */
enum rc registrar_compare(struct catalog *c, struct store *store, const struct catalog_table *t,
    struct registrar_count *count, struct err *e) MUST_USE;

/*
 * Where a process says that it waits, for status: <state>/catalog.<name>, there only while it does, or did when it
 * ended. Three lines: since when (ms, wall), how many partitions, why. A process that waits writes it anew at every
 * attempt.
 */
#define REGISTRAR_NOTE "catalog"
char *registrar_note_path(const char *state, const char *name);

#endif
