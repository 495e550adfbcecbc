/*
 * names: texts that many records share, as small numbers: topics, datasets.
 *
 * Thread  one owner
 */
#ifndef AUDIT_NAMES_H
#define AUDIT_NAMES_H

#include <stddef.h>
#include <stdint.h>

enum { NAMES_NONE = UINT16_MAX };

struct names {
	char **at;
	size_t count, last;
};

void names_fini(struct names *n);

/* Number of a text of len bytes; the same text has the same number. NAMES_NONE: more than 65,534 different ones. */
uint16_t names_add(struct names *n, const char *text, size_t len);
/* NAMES_NONE: never added. */
uint16_t names_find(struct names *n, const char *text, size_t len);
const char *names_text(const struct names *n, uint16_t number);

#endif
