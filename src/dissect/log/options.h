/*
 * options: what -O and `options:` say to the elff dissector.
 *
 * Owner   options_fini frees the list of names
 */
#ifndef DISSECT_LOG_OPTIONS_H
#define DISSECT_LOG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "dissect/dissect.h"

enum log_format { LOG_AUTO, LOG_ELFF, LOG_SQUID, LOG_COMMON, LOG_COMBINED };

struct log_options {
	enum log_format format;
	char *fields;   /* names parted by blanks, NULL: Spot's order; owned */
	bool zoned;     /* zone_s was given */
	int64_t zone_s; /* seconds east of UTC, for local times */
	bool spot;      /* compat: spot */
	bool full_url;  /* fulluri: url */
	bool dash_kept, quotes_kept;
	bool forwarded;  /* xff: X-Forwarded-For is the client */
	size_t max_line; /* bytes */
};

/* RC_BAD names the key, and the nearest one or the values that there are. *out is made whatever the outcome. */
enum rc options_read(const struct dissect_params *params, struct log_options *out, struct err *e) MUST_USE;
void options_fini(struct log_options *o);

#endif
