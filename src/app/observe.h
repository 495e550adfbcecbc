/*
 * observe: looks at a running system again and again and keeps what it saw, so that whoever asks the endpoint is
 * answered from memory and makes no work for the bus, the lake or the collector.
 *
 * Two rhythms: processes, figures and ledger every second by the owner's observe_look; bus and lake by a thread of its
 * own, because they may take as long as their time-outs. What is away is seen as away, and how long nobody answered.
 *
 * Thread  observe_look, observe_free: the owner; observe_see: any
 */
#ifndef APP_OBSERVE_H
#define APP_OBSERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "app/config.h"
#include "app/health.h"
#include "ext/json.h"

enum {
	OBSERVE_LOOK_MS = 1000,
	OBSERVE_SAMPLES = 900,  /* a quarter of an hour */
	OBSERVE_REJECTS = 500,  /* listed; the newest */
	OBSERVE_LATE_MS = 15000 /* a bus or lake that has not answered for so long is away */
};

/* What the charts are drawn from, one a second. Counters since ever; gauges as they were. */
enum observe_series {
	SERIES_SEEN,
	SERIES_ARCHIVED,
	SERIES_PUBLISHED,
	SERIES_COMMITTED,
	SERIES_ROWS,
	SERIES_BYTES_IN,
	SERIES_BYTES_OUT,
	SERIES_REJECTS,
	SERIES_LAG, /* events on the bus that no commit holds */
	SERIES_COUNT
};
extern const char *const observe_series_name[SERIES_COUNT];

struct observe_sample {
	int64_t wall_ms;
	uint64_t value[SERIES_COUNT];
};

/* An original that was refused, or rows of which were. */
struct observe_reject {
	uint64_t number; /* in the ledger */
	char *pipeline, *source, *reason;
	uint8_t sha256[SHA256_BYTES];
	bool refused; /* the whole of it */
	uint64_t size, rows, rejects, lost;
	int64_t committed_ms;
};

/* Files that became queryable in the last quarter of an hour, at most 500 of them: from seen to there. */
struct observe_latency {
	unsigned files;
	int64_t half_ms, most_ms; /* half of them, and 95 in 100, took no longer */
};

struct observed {
	const struct config *config;
	const struct health *health;
	int64_t now_ms, looked_ms; /* wall: now; the last look */
	int64_t asked_ms;          /* wall: bus and lake answered, or failed; 0 never */
	int64_t silent_ms;         /* bus and lake are being asked since; 0: nobody waits */
	struct observe_latency latency;
	const struct observe_sample *sample; /* ring: number n lies at n % OBSERVE_SAMPLES */
	uint64_t samples;                    /* ever; the last OBSERVE_SAMPLES are there */
	const struct observe_reject *reject; /* newest first */
	unsigned rejects;
	bool rejects_cut;       /* there are older ones */
	const json_t *replayed; /* app/replayed.h: what became of them since */
	uint64_t replays;       /* looks that found something new in it */
};

struct observe;

/* config: borrowed until observe_free. Begins to ask. */
struct observe *observe_new(const struct config *config);
/* Waits for the question that is under way, whose time-outs end it. */
void observe_free(struct observe **o);

void observe_look(struct observe *o);

/* Everything at once, borrowed for the call, during which nothing changes: be short, call nothing of observe. */
void observe_see(struct observe *o, void (*see)(void *context, const struct observed *seen), void *context);

#endif
