/*
 * follow: learns from the lake's manifests which originals are committed, and writes it to the ledger. A manifest
 * counts once its files have their final names: what is told as committed is where SQL looks.
 *
 * Every process follows for itself, from where the ledger stood when it began: what it marks is the same whoever marks
 * it.
 *
 * Thread  one owner
 */
#ifndef PIPE_FOLLOW_H
#define PIPE_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "pipe/item.h"
#include "pipe/ledger.h"
#include "pipe/settings.h"
#include "store/store.h"

struct follow;

struct follow_news { /* an original that came to its end; texts borrowed for the call */
	const struct pipeline *pipeline;
	const struct ledger_original *original;
	bool awaited;    /* it was added to this follow */
	uint64_t beside; /* as it was added with */
	uint64_t nulls;  /* values that could not be read, or that their column can't hold */
};

/* store and ledger are borrowed. partitions: of each pipeline's files and rows topic, [2 * pipeline + (rows ? 1 : 0)].
 */
enum rc follow_open(const struct settings *s, const unsigned *partitions, struct store *store, struct ledger *ledger,
    struct follow **out, struct err *e) MUST_USE;
void follow_close(struct follow **f);

/* Wait for this original. beside: comes back with the news. false: nobody follows that topic and partition. */
bool follow_add(struct follow *f, const struct pipeline *p, const char *topic, unsigned partition,
    const uint8_t sha256[SHA256_BYTES], uint32_t again, uint64_t beside);

size_t follow_waits(const struct follow *f); /* originals added and not yet settled */

/* Look where it is time to look. news is called after the ledger has it, durably; it calls nothing of this follow. */
enum rc follow_poll(
    struct follow *f, void (*news)(void *context, const struct follow_news *n), void *context, struct err *e) MUST_USE;

/* Until the next look is due; -1 when nothing is awaited. */
int64_t follow_due_ms(const struct follow *f);

/* Is something awaited from there, and nothing has come for so long? */
bool follow_is_quiet(const struct follow *f, const char *topic, unsigned partition, int64_t ms);

/* Is something awaited from there, although all commits before end were seen? */
bool follow_misses(const struct follow *f, const char *topic, unsigned partition, uint64_t end);

/* Every topic and partition that something is awaited from. */
void follow_each_place(
    const struct follow *f, void (*visit)(void *context, const char *topic, unsigned partition), void *context);

#endif
