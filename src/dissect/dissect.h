/*
 * dissect: turns the bytes of one input into batches of rows. Pull based, bounded memory for any input size, no I/O but its source, no global state,
 * safe on hostile bytes.
 *
 * It reports rows, rejects (offset, length, rows lost, reason) and whether the input ended cleanly. Damaged input yields every row before and after the
 * damage that can be trusted; the damaged range is a reject.
 *
 * Thread  one owner per dissector; two share nothing
 */
#ifndef DISSECT_DISSECT_H
#define DISSECT_DISSECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/source.h"
#include "data/batch.h"
#include "data/projection.h"
#include "data/type.h"

#define DISSECT_SIZE_UNKNOWN UINT64_MAX

enum { DISSECT_NOTE = 4 << 10 };

struct dissect_hints {
	const char *name;     /* file name without folders, for messages and slot times; borrowed for open only */
	uint64_t size;        /* of the input, or DISSECT_SIZE_UNKNOWN */
	int64_t slot_s;       /* unix seconds of the file name's slot, 0 unknown */
	int64_t archived_s;   /* when the original was archived, unix seconds */
};

struct dissect_option { /* `options:` of a pipeline, -O key=value */
	const char *key, *value;
};

struct dissect_params {
	const struct field *field; /* the catalogue that wanted points into; borrowed until close */
	const unsigned *wanted; /* field indices: column i of the batches holds field wanted[i] */
	size_t wants;
	uint32_t rows;          /* most rows in a batch, at most BATCH_ROWS; 0: the dissector's own choice */
	const struct dissect_option *option;
	size_t options;
	/*
	 * Where the slab of the input before lies, and that of this one goes at its end; NULL: none. Borrowed until close. The one batch of a dissector is made
	 * by batch_again and ended by batch_keep: in a confined process this is the memory that the parent reads.
	 */
	struct batch **spare;
};

struct dissector;

struct dissect_ops {
	const char *name;    /* as the configuration says: "nfcapd" */
	const char *version; /* part of the provenance: changes when rows can change */
	const char *dataset; /* default dataset; NULL: takes any, and must be told which */
	const struct field *field; /* the catalogue; NULL: see catalogue */
	size_t fields;
	/*
	 * For a dissector without fields of its own: those that a schema asks for. *out is the caller's (mem_free), its names are the schema's. RC_BAD:
	 * "<schema>:<line>: ...". NULL: `field` are all there are.
	 */
	enum rc (*catalogue)(const struct schema *schema, struct field **out, size_t *count, struct err *e);
	const char *const *counter; /* names of batch counters, "unknown_elements" */
	size_t counters;
	uint32_t unread; /* bit i: counter i counts values that became null because nobody can read them */
	bool spawns; /* starts programs: it cannot be confined */

	/* Unix seconds of the slot that a file name tells, 0 if none. NULL: names tell nothing. */
	int64_t (*slot)(const char *name);

	/* Takes src whatever the outcome. RC_BAD: an option is wrong (names key and nearest). Does not read yet. */
	enum rc (*open)(struct source *src, const struct dissect_hints *hints, const struct dissect_params *params, struct dissector **out, struct err *e);

	/*
	 * The next batch, borrowed until the next call or close. RC_OK: rows, rejects or counters in it. RC_END: no more; *clean says whether the input ended as its format
	 * wants. RC_BAD: not this format at all, nothing came (e says why; the whole file is the reject). RC_AGAIN, RC_FAIL: reading failed.
	 */
	enum rc (*next)(struct dissector *d, const struct batch **out, bool *clean, struct err *e);

	/*
	 * What a tool behind the dissector said about this input beside its rows, at most DISSECT_NOTE bytes of any kind; borrowed until close. Asked when next
	 * has said how it ended. NULL: nothing ever.
	 */
	size_t (*note)(const struct dissector *d, const char **text);

	/* For `sluice check`: is there what the dissector needs beside its input? RC_BAD names what is not. NULL: it needs nothing. */
	enum rc (*check)(const struct dissect_params *params, struct err *e);

	void (*close)(struct dissector *d);
};

/* First member of every dissector's own struct. */
struct dissector {
	const struct dissect_ops *ops;
};

/* The schema bound to the dissector's catalogue; RC_BAD as projection_open says. */
enum rc dissect_bind(const struct dissect_ops *ops, const struct schema *schema, struct projection **out, struct err *e) MUST_USE;

/* What open wants for a projection that dissect_bind gave; borrows it and the options. */
struct dissect_params dissect_params_of(const struct projection *p, const struct dissect_option *option, size_t options);

/* Fronts. dissect_close clears the pointer. */
enum rc dissect_open(const struct dissect_ops *ops, struct source *src, const struct dissect_hints *hints, const struct dissect_params *params, struct dissector **out, struct err *e) MUST_USE;
enum rc dissect_next(struct dissector *d, const struct batch **out, bool *clean, struct err *e) MUST_USE;
size_t dissect_note(const struct dissector *d, const char **text); /* 0: no note */
enum rc dissect_check(const struct dissect_ops *ops, const struct dissect_params *params, struct err *e) MUST_USE;
void dissect_close(struct dissector **d);

#endif
