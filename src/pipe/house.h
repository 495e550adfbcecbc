/*
 * house: what a partition needs now and then, and nobody shall wait for: staged files of dead writers removed, old
 * manifests folded into history.
 *
 * Thread  its lane's
 * Errors  none: what fails is told, and tried again after later commits
 */
#ifndef PIPE_HOUSE_H
#define PIPE_HOUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "pipe/draft.h"

struct house {      /* all zero: nothing to do */
	bool fresh; /* recovered, and no commit since */
	bool sweep;
	unsigned unfolded; /* commits since old manifests were folded */
};

/* The partition was taken over: whoever had it before may have left something. */
void house_recovered(struct house *h);

/* A commit ended well. */
void house_committed(struct house *h);

/* Do what is due; start: where the chain of commits ends. Costs nothing when there is nothing to do. */
void house_keep(struct house *h, const struct bench *b, const struct place *p, uint64_t start);

#endif
