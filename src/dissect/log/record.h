/*
 * record: one line of a log cut into values, by the field each of them fills. Every dialect makes one, row.h writes it.
 *
 * Owner   values borrow the line, or constants
 * Units   times in nanoseconds since 1970 UTC
 */
#ifndef DISSECT_LOG_RECORD_H
#define DISSECT_LOG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/rc.h"
#include "dissect/log/fields.h"

enum { RECORD_VALUES = 512 }; /* most values of a line */

enum form {
	FORM_ABSENT,
	FORM_BARE,
	FORM_QUOTED,  /* between quotes, which stand right before and after it */
	FORM_DOUBLED, /* the same, with "" and perhaps \" inside for a quote */
	FORM_APACHE,  /* the same, with \" and \\ inside */
};

struct value {
	const uint8_t *at;
	uint32_t length;
	uint32_t form;
};

struct extra {
	const char *name; /* borrowed from the dialect */
	struct value value;
};

struct record {
	struct value value[LOG_FIELD_COUNT]; /* fields that a dialect never fills stay absent from record_clear on */
	struct value uri;                    /* what the parts of the URL come from where they are not logged */
	bool tunnel;                         /* uri is host:port */
	int64_t time_ns;
	unsigned duration_unit; /* parts of a second in duration: 1, 1000 or 1000000 */
	struct extra extra[RECORD_VALUES];
	size_t extras;
};

static inline void record_clear(struct record *r)
{
	memset(r->value, 0, sizeof r->value);
	r->uri = (struct value){0};
	r->tunnel = false;
	r->duration_unit = 1000;
	r->extras = 0;
}

static inline struct value value_of(const uint8_t *at, const uint8_t *end)
{
	return (struct value){.at = at, .length = (uint32_t)(end - at), .form = FORM_BARE};
}

static inline struct value value_text(const char *text)
{
	return (struct value){.at = (const uint8_t *)text, .length = (uint32_t)strlen(text), .form = FORM_BARE};
}

static inline bool value_is(struct value v, const char *text)
{
	return v.form != FORM_ABSENT && v.length == strlen(text) && memcmp(v.at, text, v.length) == 0;
}

/* Not there, empty, or the dash of "not set". */
static inline bool value_unset(struct value v)
{
	return v.form == FORM_ABSENT || v.length == 0 || (v.length == 1 && v.at[0] == '-');
}

static inline bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static inline bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* The next run of bytes that are not blank; *at moves past it. Absent at the end. */
static inline struct value value_word(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at;
	while (p < end && is_blank(*p))
		p++;
	const uint8_t *begin = p;
	while (p < end && !is_blank(*p))
		p++;
	*at = p;
	return begin == p ? (struct value){0} : value_of(begin, p);
}

static inline void record_extra(struct record *r, const char *name, struct value v)
{
	if (r->extras < RECORD_VALUES && !value_unset(v))
		r->extra[r->extras++] = (struct extra){name, v};
}

#endif
