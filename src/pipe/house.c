/*
 * After a crash a partition is read again at once; what a dead writer left lies where it harms nobody, so it can wait
 * until there is nothing to read, or until the first commit.
 */
#include "pipe/house.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "pipe/commit.h"
#include "pipe/history.h"

enum { FOLD_EVERY = 64, FOLD_ROUNDS = 4, NS_PER_MS = 1000000 };

void house_recovered(struct house *h)
{
	*h = (struct house){.fresh = true, .sweep = true, .unfolded = FOLD_EVERY};
}

/* Files of a writer that died before its manifest lie at the end of the chain, not before it, until it goes on: so they
 * are swept after the first commit, whether they were before it or not. */
void house_committed(struct house *h)
{
	h->sweep |= h->fresh;
	h->fresh = false;
	h->unfolded++;
}

static void sweep(const struct bench *b, const struct place *p, uint64_t start)
{
	struct err e;
	enum rc rc = commit_sweep(b, p, start, &e);

	if (rc == RC_OK)
		rc = FAULT(WORKER_SWEPT, &e);
	if (rc != RC_OK)
		log_warn("sweeping staging: %s topic=%s partition=%u", e.text, p->topic, p->partition);
}

static void fold(const struct bench *b, const struct place *p)
{
	struct err e;
	enum rc rc = RC_OK;

	for (int i = 0; i < FOLD_ROUNDS && rc == RC_OK; i++)
		rc = history_fold(
		    b->store, p->topic, p->partition, b->settings->clean_age_ms, clock_wall().ns / NS_PER_MS, &e);
	if (rc != RC_OK && rc != RC_END)
		log_warn("folding manifests: %s topic=%s partition=%u", e.text, p->topic, p->partition);
}

void house_keep(struct house *h, const struct bench *b, const struct place *p, uint64_t start)
{
	if (h->sweep)
		sweep(b, p, start);
	h->sweep = false;
	if (h->unfolded >= FOLD_EVERY) {
		h->unfolded = 0;
		fold(b, p);
	}
}
