/*
 * item: one file on its way through the collector, from found to published.
 *
 * It moves whole between threads: finder (held.h) -> archive thread -> publisher -> finder. Whoever has it owns the
 * fields below "work"; the fields under "finder" are the finder's all the time.
 */
#ifndef PIPE_ITEM_H
#define PIPE_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "ext/hash.h"
#include "ext/mac.h"
#include "pipe/hold.h"
#include "pipe/rows.h"
#include "pipe/settings.h"
#include "store/store.h"

/* What a file looked like: when all of it is the same, it is the same file, unchanged. */
struct looks {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
};

enum item_task {
	ITEM_TAKE,      /* read, archive, publish */
	ITEM_REPUBLISH, /* archived by an earlier run: publish again what the ledger says */
	ITEM_NOTE,      /* the finder set it aside */
	ITEM_FORGET,    /* `after:` moved or deleted it: its path goes from the ledger */
};

enum item_outcome {
	ITEM_TAKEN,   /* archived; the publisher goes on */
	ITEM_DOUBLE,  /* same content as an original we have */
	ITEM_ASIDE,   /* not taken, note says why */
	ITEM_FOREIGN, /* another instance has claimed it; note says which */
	ITEM_LATER,   /* a service or a twin is in the way: the same again after a while */
	ITEM_LOST,    /* REPUBLISH: the original is not what the ledger says */
};

enum item_wait { ITEM_FOUND, ITEM_SETTLING, ITEM_DELAYED, ITEM_READY, ITEM_WORKING };

enum { ITEM_NOTE_MAX = 240 };

struct item {
	/* finder */
	struct item *chain; /* in the table of pending paths */
	struct item *prev_waiting, *next_waiting;
	bool listed; /* in that table */
	enum item_wait wait;
	struct mono since, due;   /* first seen like this; look again */
	bool dirty, dirty_sealed; /* something happened to the path while it was worked on */

	/* work */
	struct item *next; /* in the list of whoever has it */
	enum item_task task;
	enum item_outcome outcome;
	const struct pipeline *pipeline;
	char *source; /* absolute path as found */
	struct looks looks;
	bool known; /* the ledger knows the path with an original: these many bytes, this digest */
	uint64_t known_size;
	uint8_t known_sha256[SHA256_BYTES];
	bool settled;               /* found by scan and unchanged since: a change now means that it is still written */
	bool explicit_again;        /* load --again */
	bool leave_source;          /* load: `after:` is for watched folders */
	bool retry_note, unsettled; /* ASIDE: look again at every rescan; changed while it was read */
	char note[ITEM_NOTE_MAX];

	uint8_t sha256[SHA256_BYTES];
	bool has_mac; /* mac is of the bytes that sha256 is of */
	struct mac mac;
	uint32_t again;
	int64_t slot_s, archived_s, seen_ms;
	uint64_t beside;   /* rows stored before of the same content, or of the file that has its name in the lake */
	bool claimed;      /* its digest is in inflight */
	char *name, *path; /* of the original; in the lake */
	char *staged;
	struct store_file *file;
	char *claim; /* staged; moved to its place with the group */
	struct store_file *claim_file;

	bool rows_event;
	struct rows rows;  /* encoded parts; empty for a file event */
	struct hold *hold; /* that counts them, or NULL */
	size_t held;
	const char *topic; /* the pipeline's */
	unsigned partition;
	uint32_t parts;
	unsigned unacknowledged;
	bool handed;  /* to the bus, at least once */
	bool refused; /* the bus refused one of its events, or did not get all */
	bool regain;  /* REPUBLISH: also what is published, because the bus lost its events */
	bool published;
	bool undeliverable;   /* the bus will never take it */
	bool repeated;        /* the ledger said the same of it before: not told again */
	bool open, committed; /* DOUBLE: how far the original is */
};

/* Takes a copy of source. */
struct item *item_new(const struct pipeline *p, enum item_task task, const char *source);
void item_free(struct item **it);

/* Its rows count against h until they are dropped: now, or with the item. */
void item_hold(struct item *it, struct hold *h);
void item_drop_rows(struct item *it);

/* Set it aside; formats the note. */
void item_aside(struct item *it, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A list in order of arrival. */
struct item_list {
	struct item *first, *last;
	size_t count;
};

void items_add(struct item_list *l, struct item *it);
struct item *items_take(struct item_list *l);
void items_move(struct item_list *to, struct item_list *from); /* appends all */

struct stat;
void looks_of(const struct stat *st, struct looks *out);
bool looks_same(const struct looks *a, const struct looks *b);

/* The source as printable text, for a log line; out holds 512. */
const char *item_show(const struct item *it, char out[512]);

#endif
