/* Where things lie in the lake, in one place, so that collector, worker, status and audit agree. */
#include "pipe/settings.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static void put(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Paths are built from parts that were checked when the configuration was read: one that does not fit is our bug. */
static void put(char *out, size_t size, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(out, size, format, args);
	va_end(args);
	assert(n >= 0 && (size_t)n < size);
}

void lake_commits(char *out, size_t size, const char *topic, unsigned partition)
{
	put(out, size, "_sluice/commits/%s/%u", topic, partition);
}

void lake_commit(char *out, size_t size, const char *topic, unsigned partition, uint64_t start)
{
	put(out, size, "_sluice/commits/%s/%u/%020" PRIu64, topic, partition, start);
}

void lake_history(char *out, size_t size, const char *topic, unsigned partition)
{
	put(out, size, "_sluice/history/%s/%u", topic, partition);
}

void lake_staging(char *out, size_t size, const char *attempt)
{
	put(out, size, "_sluice/staging/%s", attempt);
}

void lake_schema(char *out, size_t size, uint64_t fingerprint)
{
	put(out, size, "_sluice/schemas/%016" PRIx64 ".avsc", fingerprint);
}
