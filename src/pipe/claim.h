/*
 * claim: which instance takes an original, where several collectors watch one folder (claim: shared; doc/pipe.md).
 *
 * A claim is a small object in the lake, put where only one can be: _sluice/claims/<pipeline>/open/<sha256>, moved to
 * …/done/<2 hex>/<sha256> once the original is committed or refused. Who finds another's claim leaves the file alone.
 *
 * Thread  any; no state
 * Errors  of the store; a claim that cannot be read is RC_BAD
 */
#ifndef PIPE_CLAIM_H
#define PIPE_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/writer.h"
#include "ext/hash.h"
#include "pipe/ledger.h"
#include "pipe/settings.h"
#include "store/store.h"

enum { CLAIM_PATH = 512, CLAIM_MAX = 4096 };

struct claim {
	char instance[72];
	unsigned partition; /* of its topics, in which its commit will be */
	int64_t time_ms;    /* by its own clock */
	char name[256];     /* of the file, escaped and perhaps cut: for people */
};

enum claim_owner { CLAIM_FREE, CLAIM_OURS, CLAIM_FOREIGN };

void claim_path(char out[CLAIM_PATH], const char *pipeline, const uint8_t sha256[SHA256_BYTES], bool done);

/* The bytes of a claim, and back. */
void claim_write(const struct claim *c, struct writer *out);
enum rc claim_read(const char *bytes, size_t size, struct claim *out, struct err *e) MUST_USE;

/* Who has it; of FOREIGN *out says who. Done counts like open. */
enum rc claim_look(struct store *s, const char *instance, const char *pipeline, const uint8_t sha256[SHA256_BYTES],
    enum claim_owner *owner, struct claim *out, struct err *e) MUST_USE;

/*
 * Make a staged claim ours, never replacing. The staged file is gone afterwards, whatever came of it but RC_AGAIN. That
 * somebody's claim was moved to done between our look and now is seen: done is looked at once more after ours lies
 * there.
 */
enum rc claim_take(struct store *s, const char *staged, const char *instance, const char *pipeline,
    const uint8_t sha256[SHA256_BYTES], enum claim_owner *owner, struct claim *out, struct err *e) MUST_USE;

/* The original is committed or refused. No claim there is fine. */
enum rc claim_done(struct store *s, const char *pipeline, const uint8_t sha256[SHA256_BYTES], struct err *e) MUST_USE;

/* Take a claim away from whoever has it. */
enum rc claim_remove(struct store *s, const char *pipeline, const uint8_t sha256[SHA256_BYTES], struct err *e) MUST_USE;

/* Claims of others that are not done and older than claim.stale, among the first so many; visit gets each. */
enum rc claim_stale(const struct settings *s, struct store *store, const char *pipeline, size_t most,
    void (*visit)(void *context, const char *pipeline, const struct claim *c), void *context, struct err *e) MUST_USE;

/*
 * Remove claims of one of the CLAIM_FOLDERS folders of each pipeline that nobody needs any more: our ledger knows from
 * a manifest in the lake that the original was committed or refused, longer than claim.keep ago, and no path under
 * which we met it is there. Another instance could find it nowhere.
 */
enum { CLAIM_FOLDERS = 256 };
enum rc claim_clean(
    const struct settings *s, struct store *store, struct ledger *ledger, unsigned folder, struct err *e) MUST_USE;

/* At start-up: claims of originals that our ledger knows to be at their end, whose move a crash prevented. */
enum rc claim_sweep(const struct settings *s, struct store *store, struct ledger *ledger, struct err *e) MUST_USE;

#endif
