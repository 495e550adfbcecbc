/*
 * known: a bounded set of texts: partitions that a catalog has, so that it is asked once for each.
 *
 * A cache: when it is full it forgets everything, and what is asked again is found there again.
 *
 * Thread  one owner
 */
#ifndef CATALOG_KNOWN_H
#define CATALOG_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

enum { KNOWN_MOST = 64 << 10 }; /* texts; about 6 MB with paths of four keys */

struct known;

struct known *known_new(void);
void known_free(struct known **k);

void known_add(struct known *k, const char *table, const char *path);
bool known_has(const struct known *k, const char *table, const char *path);
void known_drop(struct known *k, const char *table, const char *path);
void known_clear(struct known *k);

#endif
