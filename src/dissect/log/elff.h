/*
 * elff: directives of a W3C extended log file, and its records as values by column.
 *
 * Thread  one owner
 * Source  W3C Working Draft WD-logfile-960323; the names that products add stand in doc/formats/proxy.md
 */
#ifndef DISSECT_LOG_ELFF_H
#define DISSECT_LOG_ELFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dissect/log/lines.h"
#include "dissect/log/options.h"
#include "dissect/log/record.h"
#include "dissect/log/when.h"

/* What the columns of a record are, from one list of names. */
struct elff_map {
	char *names; /* their text, owned; name[] points into it */
	const char *name[RECORD_VALUES];
	int16_t field[RECORD_VALUES]; /* enum log_field, or a role of elff.c's, or -1 */
	size_t count;
	int16_t column[LOG_FIELD_COUNT]; /* the column that fills a field, or -1 */
	int16_t date, clock, stamp, uri; /* columns or -1 */
	bool local;                      /* date and clock are in local time */
	bool seconds, milliseconds;      /* unit of the duration by its name */
};

struct elff {
	const struct log_options *options; /* borrowed */
	struct elff_map map;
	struct elff_map shorter; /* Spot's order without its 25th and 26th name */
	bool by_default;         /* no #Fields came yet */
	struct when_day days;
	bool dated;                /* #Date came */
	int64_t day_s, last_clock; /* the day it tells, the last time of that day; -1 none */
	int64_t offset_s;          /* #GMT-Offset */
	bool offset_given;
	bool backslash;                /* \" is a quote: not in the files of IIS */
	unsigned unit;                 /* parts of a second in time-taken, by #Software */
	const struct elff_map *filled; /* the map that the record was cleared for */
	struct value cut[RECORD_VALUES];
	char reason[160]; /* why the last record is none */
};

void elff_init(struct elff *f, const struct log_options *options);
void elff_fini(struct elff *f);

/* A line that begins with "#". */
void elff_directive(struct elff *f, const uint8_t *at, const uint8_t *end, uint64_t *counter);

/* A record; false: it is none, see reason. extras: fill r->extra too. */
bool elff_record(
    struct elff *f, const uint8_t *at, const uint8_t *end, bool extras, struct record *r, uint64_t *counter);

/* Without a prefix that syslog put before a directive or a date (RFC 3164, RFC 5424); at itself when there is none. */
const uint8_t *elff_unprefixed(const uint8_t *at, const uint8_t *end);

#endif
