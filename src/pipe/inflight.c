/* A few hundred digests at a time: a small chained table under one lock. */
#include "pipe/inflight.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

enum { BUCKETS = 1024 };

struct claim {
	struct claim *next;
	const struct pipeline *pipeline;
	uint8_t sha256[SHA256_BYTES];
};

struct inflight {
	pthread_mutex_t lock;
	struct claim *bucket[BUCKETS]; /* under lock */
};

struct inflight *inflight_new(void)
{
	struct inflight *c = mem_zero(1, sizeof *c);
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void inflight_free(struct inflight **c)
{
	if (*c == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while ((*c)->bucket[i] != NULL) {
			struct claim *next = (*c)->bucket[i]->next;
			mem_free(&(*c)->bucket[i]);
			(*c)->bucket[i] = next;
		}
	pthread_mutex_destroy(&(*c)->lock);
	mem_free(c);
}

/* Where the claim hangs, or the NULL at the end of its chain. */
static struct claim **find(struct inflight *c, const struct pipeline *p, const uint8_t sha256[SHA256_BYTES])
{
	struct claim **at = &c->bucket[(sha256[0] | sha256[1] << 8) % BUCKETS];
	while (*at != NULL && ((*at)->pipeline != p || memcmp((*at)->sha256, sha256, SHA256_BYTES) != 0))
		at = &(*at)->next;
	return at;
}

bool inflight_take(struct inflight *c, const struct pipeline *p, const uint8_t sha256[SHA256_BYTES])
{
	pthread_mutex_lock(&c->lock);
	struct claim **at = find(c, p, sha256);
	bool mine = *at == NULL;
	if (mine) {
		*at = mem_zero(1, sizeof **at);
		(*at)->pipeline = p;
		memcpy((*at)->sha256, sha256, SHA256_BYTES);
	}
	pthread_mutex_unlock(&c->lock);
	return mine;
}

void inflight_release(struct inflight *c, const struct pipeline *p, const uint8_t sha256[SHA256_BYTES])
{
	pthread_mutex_lock(&c->lock);
	struct claim **at = find(c, p, sha256);
	struct claim *gone = *at;
	if (gone != NULL)
		*at = gone->next;
	pthread_mutex_unlock(&c->lock);
	mem_free(&gone);
}
