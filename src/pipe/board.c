/* One lock for the few words that threads exchange; the counts are atomics, because every file passes them. */
#include "pipe/board.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/figures.h"

enum { BACKOFF_FIRST_MS = 100, BACKOFF_MOST_MS = 5000, MS_PER_S = 1000, NS_PER_MS = 1000000 };

struct board {
	struct metric_slot *figures;
	struct waits *waits_for;
	const char *const *waiter;
	_Atomic uint64_t count[BOARD_COUNTS];
	_Atomic unsigned waiters; /* so that board_go costs nothing when nobody waits */
	_Atomic bool stopped;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* under lock */
	bool waits[BOARD_WAITERS];
	char why[BOARD_WAITERS][ERR_TEXT];
	bool failed;
	struct err reason;
};

struct board *board_new(struct metric_slot *figures, struct waits *waits, const char *const waiter[BOARD_WAITERS])
{
	struct board *b = mem_zero(1, sizeof *b);
	pthread_condattr_t attr;
	b->figures = figures;
	b->waits_for = waits;
	b->waiter = waiter;
	pthread_mutex_init(&b->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->wake, &attr);
	pthread_condattr_destroy(&attr);
	return b;
}

void board_free(struct board **b)
{
	if (*b == NULL)
		return;
	metric_set((*b)->figures, FIGURE_WAITING, 0); /* nobody waits any more */
	pthread_cond_destroy(&(*b)->wake);
	pthread_mutex_destroy(&(*b)->lock);
	mem_free(b);
}

struct metric_slot *board_figures(struct board *b)
{
	return b->figures;
}

void board_add(struct board *b, enum board_count c, uint64_t n)
{
	atomic_fetch_add_explicit(&b->count[c], n, memory_order_relaxed);
}

uint64_t board_count(struct board *b, enum board_count c)
{
	return atomic_load_explicit(&b->count[c], memory_order_relaxed);
}

void board_wait(struct board *b, unsigned who, const char *why)
{
	pthread_mutex_lock(&b->lock);
	if (!b->waits[who]) {
		atomic_fetch_add(&b->waiters, 1);
		log_warn("waiting: %s", why);
	}
	b->waits[who] = true;
	(void)str_copy(b->why[who], sizeof b->why[who], why);
	metric_set(b->figures, FIGURE_WAITING, 1);
	pthread_mutex_unlock(&b->lock);
	waits_begin(b->waits_for, b->waiter[who], why);
}

void board_go(struct board *b, unsigned who)
{
	if (atomic_load_explicit(&b->waiters, memory_order_relaxed) == 0)
		return;
	pthread_mutex_lock(&b->lock);
	bool waited = b->waits[who];
	if (waited) {
		b->waits[who] = false;
		if (atomic_fetch_sub(&b->waiters, 1) == 1) {
			metric_set(b->figures, FIGURE_WAITING, 0);
			log_info("goes on");
		}
	}
	pthread_mutex_unlock(&b->lock);
	if (waited)
		waits_end(b->waits_for, b->waiter[who]);
}

bool board_waiting(struct board *b, char *out, size_t size)
{
	bool found = false;
	if (atomic_load_explicit(&b->waiters, memory_order_relaxed) == 0)
		return false;
	pthread_mutex_lock(&b->lock);
	for (unsigned i = 0; i < BOARD_WAITERS && !found; i++)
		if (b->waits[i]) {
			(void)str_copy(out, size, b->why[i]);
			found = true;
		}
	pthread_mutex_unlock(&b->lock);
	return found;
}

void board_stop(struct board *b)
{
	pthread_mutex_lock(&b->lock);
	atomic_store(&b->stopped, true);
	pthread_cond_broadcast(&b->wake);
	pthread_mutex_unlock(&b->lock);
}

bool board_stopped(struct board *b)
{
	return atomic_load_explicit(&b->stopped, memory_order_relaxed);
}

void board_fail(struct board *b, const struct err *e)
{
	pthread_mutex_lock(&b->lock);
	if (!b->failed)
		b->reason = *e;
	b->failed = true;
	pthread_mutex_unlock(&b->lock);
	board_stop(b);
}

bool board_failed(struct board *b, struct err *e)
{
	pthread_mutex_lock(&b->lock);
	bool failed = b->failed;
	if (failed)
		*e = b->reason;
	pthread_mutex_unlock(&b->lock);
	return failed;
}

void board_sleep(struct board *b, int64_t ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / MS_PER_S;
	until.tv_nsec += ms % MS_PER_S * NS_PER_MS;
	if (until.tv_nsec >= MS_PER_S * (long)NS_PER_MS) {
		until.tv_sec++;
		until.tv_nsec -= MS_PER_S * (long)NS_PER_MS;
	}
	pthread_mutex_lock(&b->lock);
	while (!board_stopped(b) && pthread_cond_timedwait(&b->wake, &b->lock, &until) == 0)
		;
	pthread_mutex_unlock(&b->lock);
}

int64_t board_backoff(int64_t last_ms)
{
	if (last_ms == 0)
		return BACKOFF_FIRST_MS;
	return last_ms * 2 < BACKOFF_MOST_MS ? last_ms * 2 : BACKOFF_MOST_MS;
}
