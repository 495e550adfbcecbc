/*
 * spot/conf: the assignments of a spot.conf, which Apache Spot's scripts read by `source`. What a shell would have to
 * work out is not: such a line is told of and left out.
 *
 * Names and values are read as bash reads them: quotes, backslashes, ${NAME} of an earlier line, a comment behind a
 * blank.
 *
 * Thread  plain data
 * Errors  RC_BAD: "FILE:LINE: reason"
 */
#ifndef APP_SPOT_CONF_H
#define APP_SPOT_CONF_H

#include <stddef.h>

#include "base/rc.h"

enum { SPOT_SETTINGS = 1000, SPOT_VALUE = 4096 };

struct spot_setting {
	char *name, *value;
	unsigned line;
};

struct spot_conf {
	struct spot_setting *at; /* in file order; a name may stand there more than once, the last one counts */
	size_t count;
};

/* odd is told of lines that are no plain assignment. */
enum rc spot_conf_read(const char *file, const char *text, size_t size, struct spot_conf *out,
    void (*odd)(void *context, unsigned line, const char *why), void *context, struct err *e) MUST_USE;

const struct spot_setting *spot_conf_get(const struct spot_conf *c, const char *name);

void spot_conf_fini(struct spot_conf *c);

#endif
