/*
 * options: what a pipeline says about its delimited text. doc/formats/csv.md has the table.
 *
 * Thread  plain data
 * Owner   texts are borrowed from the options given, but for those split off a list
 */
#ifndef DISSECT_CSV_OPTIONS_H
#define DISSECT_CSV_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "dissect/csv/times.h"
#include "dissect/dissect.h"

enum { CSV_TEXTS = 64 };

struct csv_list {
	const char *text[CSV_TEXTS];
	size_t count;
};

/* One `column.FIELD`; several of a field are tried in their order. */
struct csv_source {
	const char *field, *column;
};

struct csv_time {
	const char *field; /* NULL: of every field without one of its own */
	struct time_format format;
};

struct csv_options {
	bool header;
	char **column; /* names given instead of a header; NULL: none */
	size_t columns;
	struct csv_list nulls, trailers; /* nulls.count 0: the empty text */
	struct csv_source *source;
	size_t sources;
	struct csv_time *time;
	size_t times;
	int delimiter, quote, comment; /* quote, comment -1: none */
	uint32_t skip, max_line;
	int32_t zone_s;
};

/* RC_BAD names the key and the nearest. Nothing to free then. */
enum rc csv_options_read(const struct dissect_params *params, struct csv_options *out, struct err *e) MUST_USE;
void csv_options_fini(struct csv_options *o);

/* Name of the i-th key ("column." stands for all of its kind), NULL past the last. */
const char *csv_option_key(size_t i);
bool csv_option_known(const char *key);

#endif
