/*
 * replayer: `sluice replay` as the ops endpoint starts it: one at a time, a process of its own with the same
 * configuration, no shell; what it says and how it ended is kept.
 *
 * The request only asks: the owner's turn starts the process and hears it, so that a route never waits. Exactly once is
 * the replay's own business, as from a terminal: it may be killed at any time, and run beside others.
 *
 * Thread  replayer_ask, replayer_json: any; the rest the owner's
 */
#ifndef APP_REPLAYER_H
#define APP_REPLAYER_H

#include "base/rc.h"
#include "ext/json.h"

struct replayer;

/* file: of the configuration; config_fd: a descriptor with its text, or -1: the file is read. Borrowed. */
struct replayer *replayer_new(const char *file, int config_fd);
/* One that runs is killed; what it committed stays. */
void replayer_free(struct replayer **r);

/* original: a sha256 in hex, or NULL: every original with open rejects. settle: why the rejects of that one are to be
 * settled instead, or NULL. RC_END: one is asked for or runs; RC_BAD: no sha256, or no reason. */
enum rc replayer_ask(struct replayer *r, const char *original, const char *settle, struct err *e) MUST_USE;

/* Start what was asked for, hear what it says, see whether it ended. */
void replayer_turn(struct replayer *r);
/* Readable while a turn is worth it; -1: nothing runs. */
int replayer_fd(const struct replayer *r);

/*
 * {state: "none" | "asked" | "running" | "done", original ("" all), settle ("" replay), started_ms, ended_ms, exit
 * (-1: it was killed or could not be started), lines: what it said last}.
 */
json_t *replayer_json(struct replayer *r);

#endif
