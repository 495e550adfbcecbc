/* Without it the groups that wait for a bus that is away would each hold their rows: hundreds of megabytes. */
#include "pipe/hold.h"

#include <pthread.h>
#include <time.h>

#include "base/mem.h"
#include "pipe/limits.h"

enum { MS_PER_S = 1000, NS_PER_MS = 1000000 };

struct hold {
	uint64_t most;
	struct metric_slot *figures;
	pthread_mutex_t lock;
	pthread_cond_t given;
	uint64_t used; /* under lock */
};

struct hold *hold_new(uint64_t most_bytes, struct metric_slot *figures)
{
	struct hold *h = mem_zero(1, sizeof *h);
	pthread_condattr_t monotonic;
	h->most = most_bytes;
	h->figures = figures;
	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&h->given, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return h;
}

void hold_free(struct hold **h)
{
	if (*h == NULL)
		return;
	pthread_cond_destroy(&(*h)->given);
	pthread_mutex_destroy(&(*h)->lock);
	mem_free(h);
}

void hold_take(struct hold *h, size_t bytes)
{
	pthread_mutex_lock(&h->lock);
	h->used += bytes;
	limit_set(h->figures, LIMIT_COLLECT_MEMORY, h->used);
	pthread_mutex_unlock(&h->lock);
}

void hold_give(struct hold *h, size_t bytes)
{
	pthread_mutex_lock(&h->lock);
	h->used -= bytes;
	limit_set(h->figures, LIMIT_COLLECT_MEMORY, h->used);
	if (h->used < h->most) {
		limit_full(h->figures, LIMIT_COLLECT_MEMORY, false);
		pthread_cond_broadcast(&h->given);
	}
	pthread_mutex_unlock(&h->lock);
}

bool hold_room(struct hold *h, int64_t wait_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	int64_t ns = until.tv_nsec + wait_ms % MS_PER_S * NS_PER_MS;
	until.tv_sec += wait_ms / MS_PER_S + ns / (MS_PER_S * (int64_t)NS_PER_MS);
	until.tv_nsec = ns % (MS_PER_S * (int64_t)NS_PER_MS);
	pthread_mutex_lock(&h->lock);
	if (h->used >= h->most)
		limit_full(h->figures, LIMIT_COLLECT_MEMORY, true);
	while (h->used >= h->most && pthread_cond_timedwait(&h->given, &h->lock, &until) == 0)
		;
	bool room = h->used < h->most;
	pthread_mutex_unlock(&h->lock);
	return room;
}
