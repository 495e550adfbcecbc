/*
 * expire: files that are older than expire.tables, expire.rejects and expire.originals go. doc/expire.md has the rules.
 *
 * Only what a manifest names and has committed goes, and only after a record of it was put (expiry.h). Manifests,
 * history, compactions, the ledger stay: what was taken once is not taken again because its rows are gone. A pass may
 * be stopped or killed anywhere: the next one goes on.
 *
 * Thread  the caller's store and catalog; one pass at a time for a state folder, others elsewhere do no harm
 * Units   bytes, milliseconds, hours since 1970
 */
#ifndef PIPE_EXPIRE_H
#define PIPE_EXPIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "catalog/catalog.h"
#include "pipe/expiry.h"
#include "pipe/settings.h"
#include "store/store.h"

struct expire_count {
	uint64_t hours, files, rows, bytes;
	int64_t first, last; /* hours; of any, if there is one */
};

enum expire_news_kind {
	EXPIRE_WENT, /* of a dataset and a kind of files, when all of them were looked at; or would go */
	EXPIRE_LEFT, /* something is wrong: why is in text */
};

struct expire_news {
	enum expire_news_kind news;
	const char *dataset;
	enum expiry_kind kind;
	const struct expire_count *count;
	const char *text;
};

struct expire_params {
	const struct settings *settings;
	struct store *store;
	struct catalog *catalog; /* NULL: nobody reads through one */
	const char *dataset;     /* only that one; NULL all */
	bool kind[EXPIRY_KINDS]; /* which are looked at */
	bool dry_run;
	bool (*stop)(void *context); /* NULL never */
	void (*tell)(void *context, const struct expire_news *news);
	void *context;
};

struct expire_sum {
	struct expire_count went[EXPIRY_KINDS];
	uint64_t finished; /* files that an expiry before, which did not end, had left */
	uint64_t dropped;  /* partitions of the catalog */
	/* What is old enough and stays for now. */
	uint64_t busy;    /* hours that a compaction or a commit is at */
	uint64_t open;    /* originals with open rejects */
	uint64_t waiting; /* originals that wait for a commit */
	uint64_t strange; /* files that no manifest names */
	uint64_t failed;  /* files or partitions that were left because something is wrong with them */
};

/* RC_END: asked to stop. RC_AGAIN, RC_FAIL: the lake is away; RC_BAD: a manifest is damaged. What was done stays. */
enum rc expire_pass(const struct expire_params *p, struct expire_sum *sum, struct err *e) MUST_USE;

#endif
