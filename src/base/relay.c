/* A ring: the thread is at most all blocks behind, so the owner waits where it is faster. */
#include "base/relay.h"

#include <pthread.h>
#include <stdbool.h>

#include "base/mem.h"

struct relay {
	size_t block_bytes;
	unsigned blocks;
	uint8_t *bytes;
	size_t *size; /* of each block */
	pthread_t thread;
	bool threaded;
	pthread_mutex_t lock;
	pthread_cond_t put_more, worked_more;
	/* under lock */
	uint64_t put, worked; /* blocks so far */
	bool stop;
	void (*work)(void *context, const uint8_t *bytes, size_t size);
	void *context;
};

static uint8_t *block_at(const struct relay *r, uint64_t number)
{
	return r->bytes + number % r->blocks * r->block_bytes;
}

static void *run(void *context)
{
	struct relay *r = context;
	pthread_mutex_lock(&r->lock);
	for (;;) {
		while (r->worked == r->put && !r->stop)
			pthread_cond_wait(&r->put_more, &r->lock);
		if (r->worked == r->put)
			break;
		uint64_t number = r->worked;
		pthread_mutex_unlock(&r->lock);
		r->work(r->context, block_at(r, number), r->size[number % r->blocks]);
		pthread_mutex_lock(&r->lock);
		r->worked++;
		pthread_cond_signal(&r->worked_more);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

struct relay *relay_new(size_t block_bytes, unsigned blocks)
{
	struct relay *r = mem_zero(1, sizeof *r);
	r->block_bytes = block_bytes;
	r->blocks = blocks;
	r->bytes = mem_alloc(blocks * block_bytes);
	r->size = mem_zero(blocks, sizeof *r->size);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->put_more, NULL);
	pthread_cond_init(&r->worked_more, NULL);
	r->threaded = pthread_create(&r->thread, NULL, run, r) == 0;
	return r;
}

void relay_free(struct relay **r)
{
	if (*r == NULL)
		return;
	pthread_mutex_lock(&(*r)->lock);
	(*r)->stop = true;
	pthread_cond_signal(&(*r)->put_more);
	pthread_mutex_unlock(&(*r)->lock);
	if ((*r)->threaded)
		pthread_join((*r)->thread, NULL);
	pthread_cond_destroy(&(*r)->put_more);
	pthread_cond_destroy(&(*r)->worked_more);
	pthread_mutex_destroy(&(*r)->lock);
	mem_free(&(*r)->bytes);
	mem_free(&(*r)->size);
	mem_free(r);
}

/* Wait until fewer than so many blocks are under way. */
static void wait_below(struct relay *r, unsigned blocks)
{
	pthread_mutex_lock(&r->lock);
	while (r->put - r->worked >= blocks)
		pthread_cond_wait(&r->worked_more, &r->lock);
	pthread_mutex_unlock(&r->lock);
}

void relay_begin(struct relay *r, void (*work)(void *context, const uint8_t *bytes, size_t size), void *context)
{
	relay_end(r);
	r->work = work; /* the thread looks at it after the next put */
	r->context = context;
}

uint8_t *relay_block(struct relay *r)
{
	wait_below(r, r->blocks);
	return block_at(r, r->put);
}

void relay_put(struct relay *r, size_t size)
{
	r->size[r->put % r->blocks] = size;
	if (!r->threaded)
		r->work(r->context, block_at(r, r->put), size);
	pthread_mutex_lock(&r->lock);
	r->put++;
	if (!r->threaded)
		r->worked++;
	pthread_cond_signal(&r->put_more);
	pthread_mutex_unlock(&r->lock);
}

void relay_end(struct relay *r)
{
	wait_below(r, 1);
}
