/*
 * reader: events by partition and offset, read ahead, each partition bounded; and some of those read lately, so that
 * the parts of an original are not fetched twice.
 *
 * Thread  one owner
 * Memory  per partition queued.max.messages.kbytes of the library ahead; of all partitions together 16 MiB behind
 * Errors  as bus_fetch
 */
#ifndef BUS_KAFKA_READER_H
#define BUS_KAFKA_READER_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "bus/bus.h"
#include "bus/kafka/client.h"

struct reader;

/* c is borrowed, a consumer; queue_bytes: its queued.max.messages.kbytes. */
struct reader *reader_new(struct client *c, size_t queue_bytes);
void reader_free(struct reader **r);

/* RC_END with out->next: nothing before that offset is to come any more. RC_FAIL is not returned. *gone: the partition
 * is not there (any more), and RC_BAD. */
enum rc reader_fetch(struct reader *r, const char *topic, unsigned partition, uint64_t offset, int64_t wait_ms,
    struct bus_event *out, bool *gone, struct err *e) MUST_USE;

enum rc reader_range(struct reader *r, const char *topic, unsigned partition, uint64_t *first, uint64_t *next,
    bool *gone, struct err *e) MUST_USE;

/* Nobody asks for the partition any more: its memory goes. */
void reader_stop(struct reader *r, const char *topic, unsigned partition);

#endif
