/*
 * aside: where readers who go through a catalog find an hour while its folder changes: copies of the outputs in a
 * folder of their own, and the partition's location pointing there.
 *
 * Whoever adds rows to a partition through the catalog (Hive, Spark, Impala) puts his files where it says that the
 * partition lies: meanwhile that is aside. They are brought home before nobody looks there any more.
 *
 * Thread  the caller's store and catalog
 */
#ifndef PIPE_ASIDE_H
#define PIPE_ASIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "store/store.h"

struct aside_copy {
	char *from, *to; /* to: "<dataset>/aside/<partition>/<generation>/<name>" */
	uint64_t size;
	uint32_t crc32;
	bool unsummed; /* a file of others, whose crc32 nobody knows */
};

/* Copies what is not there yet; temp: a staged name for the copy being made. */
enum rc aside_make(
    struct store *s, const struct aside_copy *copy, size_t copies, const char *temp, struct err *e) MUST_USE;

/* Deletes the copies, and the folders that are empty then. */
enum rc aside_remove(struct store *s, const struct aside_copy *copy, size_t copies, struct err *e) MUST_USE;

/* Is it a file of others, and whole? Not: a copy of ours, or what is being written (a dot or _ in front). */
bool aside_of_others(const char *name);

/*
 * Copy a file of others home, so that who reads either place has it; temp as above. With `remove` it then goes from
 * aside, and so do folders that are empty then: *brought counts that. Gone meanwhile, or copied before: RC_OK. RC_BAD:
 * home has another file of that name.
 */
enum rc aside_bring(struct store *s, const char *from, const char *to, const char *temp, bool remove, uint64_t *brought,
    struct err *e) MUST_USE;
/* All of them, from the folder aside to the folder home. */
enum rc aside_home(struct store *s, const char *aside, const char *home, const char *temp, bool remove,
    uint64_t *brought, struct err *e) MUST_USE;

#endif
