/*
 * queue: bounded, blocking, of pointers, between threads. Closing it lets the takers drain and then end.
 *
 * Thread  any number on both sides
 * Owner   the pointer moves with the item
 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

struct queue *queue_new(size_t capacity);
void queue_free(struct queue **q);

/* Waits while full; false once closed (the item stays the caller's). */
bool queue_put(struct queue *q, void *item);

/* Waits up to wait_ms (-1 for ever) for an item; NULL on time-out or when closed and empty. */
void *queue_take(struct queue *q, int64_t wait_ms);

void queue_close(struct queue *q);
size_t queue_length(struct queue *q);

#endif
