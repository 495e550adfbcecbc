/*
 * rows: the rows of a small original as the parts that travel on the bus: cut by hour, and again where the bus limits
 * an event.
 *
 * The same bytes, build and limits give the same parts.
 *
 * Thread  one maker per thread
 */
#ifndef PIPE_ROWS_H
#define PIPE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/metric.h"
#include "base/rc.h"
#include "confine/confine.h"
#include "dissect/dissect.h"

struct pipeline;

struct rows_part {
	int64_t hour; /* INT64_MIN: the one part of an original without rows */
	uint64_t rows;
	uint8_t *value; /* in memory */
	size_t size;
	uint8_t *memory;
};

struct rows { /* zeroed is empty */
	struct rows_part *part;
	uint32_t parts;
	size_t bytes; /* of all values and the report */
	char *report; /* JSON, of the whole original */
};

void rows_fini(struct rows *r);

struct rows_limits {
	unsigned hours;              /* that one original may touch */
	size_t event_bytes;          /* of the bus */
	int64_t ahead_ms, behind_ms; /* times.ahead, times.behind */
	size_t rejects;              /* bytes of lines about them */
	struct metric_slot *figures;
};

/* cell: where dissectors run, borrowed; NULL: in this process. Several makers of a thread may share it. */
struct rows_maker;
struct rows_maker *rows_maker_new(const struct pipeline *p, const struct rows_limits *limits, struct cell *cell);
void rows_maker_free(struct rows_maker **m);

/*
 * Dissect an original that is in memory. A damaged or refused one is RC_OK too: its report says so. RC_END: it does not
 * fit, because the encoded rows would pass bytes_max or one row passes the bus's limit; let a file event carry it.
 * RC_AGAIN: no process can be had to dissect it. RC_FAIL: the dissector could not be opened.
 */
enum rc rows_make(struct rows_maker *m, const void *bytes, size_t size, const struct dissect_hints *hints,
    uint64_t bytes_max, struct rows *out, struct err *e) MUST_USE;

#endif
