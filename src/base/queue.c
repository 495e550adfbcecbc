/*
 * queue: how threads hand over work instead of sharing it.
 */
#include "base/queue.h"

#include <assert.h>
#include <pthread.h>
#include <time.h>

#include "base/mem.h"

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t not_full, not_empty;
	/* under lock */
	void **items;
	size_t capacity, first, count;
	bool closed;
};

struct queue *queue_new(size_t capacity)
{
	assert(capacity > 0);
	struct queue *q = mem_zero(1, sizeof *q);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->not_full, &monotonic);
	pthread_cond_init(&q->not_empty, &monotonic);
	pthread_condattr_destroy(&monotonic);
	q->items = mem_zero(capacity, sizeof *q->items);
	q->capacity = capacity;
	return q;
}

void queue_free(struct queue **qp)
{
	struct queue *q = *qp;
	if (q == NULL)
		return;
	pthread_cond_destroy(&q->not_empty);
	pthread_cond_destroy(&q->not_full);
	pthread_mutex_destroy(&q->lock);
	mem_free(&q->items);
	mem_free(qp);
}

bool queue_put(struct queue *q, void *item)
{
	assert(item != NULL);
	pthread_mutex_lock(&q->lock);
	while (q->count == q->capacity && !q->closed)
		pthread_cond_wait(&q->not_full, &q->lock);
	bool open = !q->closed;
	if (open) {
		q->items[(q->first + q->count++) % q->capacity] = item;
		pthread_cond_signal(&q->not_empty);
	}
	pthread_mutex_unlock(&q->lock);
	return open;
}

static struct timespec after_ms(int64_t ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

void *queue_take(struct queue *q, int64_t wait_ms)
{
	struct timespec until = wait_ms > 0 ? after_ms(wait_ms) : (struct timespec){0};
	void *item = NULL;
	int late = wait_ms == 0;
	pthread_mutex_lock(&q->lock);
	while (q->count == 0 && !q->closed && !late) {
		if (wait_ms < 0)
			pthread_cond_wait(&q->not_empty, &q->lock);
		else
			late = pthread_cond_timedwait(&q->not_empty, &q->lock, &until) != 0;
	}
	if (q->count > 0) {
		item = q->items[q->first];
		q->first = (q->first + 1) % q->capacity;
		q->count--;
		pthread_cond_signal(&q->not_full);
	}
	pthread_mutex_unlock(&q->lock);
	return item;
}

void queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_broadcast(&q->not_full);
	pthread_cond_broadcast(&q->not_empty);
	pthread_mutex_unlock(&q->lock);
}

size_t queue_length(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	size_t count = q->count;
	pthread_mutex_unlock(&q->lock);
	return count;
}
