/*
 * Everything an audit compares comes from listings and files that are each in an order of their own. Sorting what they
 * say brings together what is said of one thing, and needs neither an index nor memory that grows with the lake.
 */
#include "audit/sorter.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { RUNS = 64, BUFFER = 64 << 10, HEAD = 8 };

struct run {
	int fd;
	uint64_t at, end; /* not read yet */
	uint8_t *buffer;  /* grows to the longest record */
	size_t capacity, start, filled;
};

struct sorter {
	char *dir;
	size_t memory;
	uint8_t *arena; /* records one after the other: key length, value length, key, value */
	size_t used;
	uint32_t *place; /* where each begins, in units of UNIT */
	size_t places, place_capacity;
	struct run run[RUNS];
	unsigned runs;
	unsigned heap[RUNS], heaped; /* runs by their next record, the least first */
	bool moved;                  /* the least one's record was given out */
	size_t next;                 /* of the arena, when nothing was ever written */
	bool done;
	uint64_t count, bytes;
};

enum { UNIT = 4 };

struct sorter *sorter_new(const char *dir, size_t memory)
{
	struct sorter *s = mem_zero(1, sizeof *s);
	assert(memory >= 2 * (size_t)SORTER_RECORD);
	s->dir = mem_text(dir);
	s->memory = memory;
	s->arena = mem_map(memory);
	return s;
}

static void run_fini(struct run *r)
{
	if (r->fd >= 0)
		close(r->fd);
	mem_free(&r->buffer);
	*r = (struct run){.fd = -1};
}

static void drop_arena(struct sorter *s)
{
	if (s->arena != NULL)
		mem_unmap(s->arena, s->memory);
	s->arena = NULL;
	mem_free(&s->place);
	s->places = s->place_capacity = 0;
}

void sorter_free(struct sorter **s)
{
	if (*s == NULL)
		return;
	for (unsigned i = 0; i < (*s)->runs; i++)
		run_fini(&(*s)->run[i]);
	drop_arena(*s);
	mem_free(&(*s)->dir);
	mem_free(s);
}

uint64_t sorter_count(const struct sorter *s)
{
	return s->count;
}

uint64_t sorter_bytes(const struct sorter *s)
{
	return s->bytes;
}

static struct sorter_record record_at(const uint8_t *at)
{
	uint32_t len[2];
	memcpy(len, at, sizeof len);
	return (struct sorter_record){at + HEAD, at + HEAD + len[0], len[0], len[1]};
}

static int compare_bytes(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	size_t least = a_len < b_len ? a_len : b_len;
	int c = least > 0 ? memcmp(a, b, least) : 0;
	return c != 0 ? c : a_len < b_len ? -1 : a_len > b_len;
}

static int compare(const struct sorter_record *a, const struct sorter_record *b)
{
	int c = compare_bytes(a->key, a->key_len, b->key, b->key_len);
	return c != 0 ? c : compare_bytes(a->value, a->value_len, b->value, b->value_len);
}

static int compare_places(const void *a, const void *b, void *arena)
{
	struct sorter_record x = record_at((uint8_t *)arena + (size_t) * (const uint32_t *)a * UNIT);
	struct sorter_record y = record_at((uint8_t *)arena + (size_t) * (const uint32_t *)b * UNIT);
	return compare(&x, &y);
}

static void sort_arena(struct sorter *s)
{
	if (s->places > 1)
		qsort_r(s->place, s->places, sizeof *s->place, compare_places, s->arena);
}

/* Runs. */

/* A file without a name; where the file system has none, one that loses its name at once. */
static enum rc make_file(const char *dir, int *out, struct err *e)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		char *path = file_join(dir, "audit-XXXXXX");
		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			(void)unlink(path);
		mem_free(&path);
	}
	if (fd < 0)
		return err_sys(RC_FAIL, errno, e, "%s: cannot make a file", dir);
	*out = fd;
	return RC_OK;
}

struct sink {
	int fd;
	uint8_t *buffer;
	size_t filled;
	uint64_t size;
};

static enum rc sink_flush(struct sink *k, struct err *e)
{
	enum rc rc = file_write(k->fd, k->buffer, k->filled, e);
	k->size += k->filled;
	k->filled = 0;
	return rc;
}

static enum rc sink_put(struct sink *k, const struct sorter_record *r, struct err *e)
{
	uint32_t len[2] = {(uint32_t)r->key_len, (uint32_t)r->value_len};
	const struct {
		const void *at;
		size_t len;
	} piece[] = {{len, sizeof len}, {r->key, r->key_len}, {r->value, r->value_len}};
	for (size_t i = 0; i < 3; i++) {
		for (size_t done = 0; done < piece[i].len;) {
			size_t n = piece[i].len - done < BUFFER - k->filled ? piece[i].len - done : BUFFER - k->filled;
			memcpy(k->buffer + k->filled, (const uint8_t *)piece[i].at + done, n);
			k->filled += n;
			done += n;
			enum rc rc = k->filled == BUFFER ? sink_flush(k, e) : RC_OK;
			if (rc != RC_OK)
				return rc;
		}
	}
	return RC_OK;
}

static enum rc sink_open(const char *dir, struct sink *k, struct err *e)
{
	*k = (struct sink){.fd = -1};
	enum rc rc = make_file(dir, &k->fd, e);
	if (rc == RC_OK)
		k->buffer = mem_alloc(BUFFER);
	return rc;
}

/* What was written becomes a run; after a failure it goes. */
static enum rc sink_close(struct sink *k, enum rc rc, struct run *out, struct err *e)
{
	if (rc == RC_OK)
		rc = sink_flush(k, e);
	mem_free(&k->buffer);
	if (rc == RC_OK)
		*out = (struct run){.fd = k->fd, .end = k->size};
	else if (k->fd >= 0)
		close(k->fd);
	return rc;
}

/* More of a run into its buffer, at least want bytes of it. */
static enum rc run_fill(struct run *r, size_t want, struct err *e)
{
	if (r->filled > r->start)
		memmove(r->buffer, r->buffer + r->start, r->filled - r->start);
	r->filled -= r->start;
	r->start = 0;
	if (want > r->capacity || r->buffer == NULL) {
		r->capacity = want > BUFFER ? want : BUFFER;
		r->buffer = mem_resize(r->buffer, r->capacity);
	}
	while (r->filled < want) {
		size_t room = r->capacity - r->filled;
		uint64_t left = r->end - r->at;
		ssize_t n = pread(r->fd, r->buffer + r->filled, left < room ? (size_t)left : room, (off_t)r->at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(RC_FAIL, errno, e, "read what was sorted");
		if (n == 0)
			return err_set(RC_FAIL, e, "what was sorted is cut short");
		r->filled += (size_t)n;
		r->at += (uint64_t)n;
	}
	return RC_OK;
}

/* Make the next record of a run lie whole in its buffer; RC_END: there is none. */
static enum rc run_ready(struct run *r, struct err *e)
{
	if (r->start == r->filled && r->at == r->end)
		return RC_END;
	enum rc rc = r->filled - r->start < HEAD ? run_fill(r, HEAD, e) : RC_OK;
	if (rc != RC_OK)
		return rc;
	struct sorter_record next = record_at(r->buffer + r->start);
	size_t whole = HEAD + next.key_len + next.value_len;
	return r->filled - r->start < whole ? run_fill(r, whole, e) : RC_OK;
}

static struct sorter_record run_record(const struct run *r)
{
	return record_at(r->buffer + r->start);
}

static void run_move(struct run *r)
{
	struct sorter_record was = run_record(r);
	r->start += HEAD + was.key_len + was.value_len;
}

/* Merging. */

static bool less(const struct sorter *s, unsigned a, unsigned b)
{
	struct sorter_record x = run_record(&s->run[a]), y = run_record(&s->run[b]);
	return compare(&x, &y) < 0;
}

static void sift(struct sorter *s, unsigned at)
{
	for (;;) {
		unsigned least = at;
		for (unsigned child = 2 * at + 1; child <= 2 * at + 2 && child < s->heaped; child++)
			if (less(s, s->heap[child], s->heap[least]))
				least = child;
		if (least == at)
			return;
		unsigned was = s->heap[at];
		s->heap[at] = s->heap[least];
		s->heap[least] = was;
		at = least;
	}
}

static enum rc merge_begin(struct sorter *s, struct err *e)
{
	s->heaped = 0;
	s->moved = false;
	for (unsigned i = 0; i < s->runs; i++) {
		enum rc rc = run_ready(&s->run[i], e);
		if (rc == RC_OK)
			s->heap[s->heaped++] = i;
		else if (rc != RC_END)
			return rc;
	}
	for (unsigned i = s->heaped / 2; i-- > 0;)
		sift(s, i);
	return RC_OK;
}

/* The buffer of the run that gave the last record is only touched by the next call: so the record lasts until then. */
static enum rc merge_next(struct sorter *s, struct sorter_record *out, struct err *e)
{
	if (s->moved) {
		struct run *last = &s->run[s->heap[0]];
		run_move(last);
		enum rc rc = run_ready(last, e);
		if (rc == RC_END)
			s->heap[0] = s->heap[--s->heaped];
		else if (rc != RC_OK)
			return rc;
		sift(s, 0);
	}
	s->moved = s->heaped > 0;
	if (s->heaped == 0)
		return RC_END;
	*out = run_record(&s->run[s->heap[0]]);
	return RC_OK;
}

/* All runs into one, when there is no room for another. */
static enum rc merge_all(struct sorter *s, struct err *e)
{
	struct sink k;
	struct run whole = {.fd = -1};
	struct sorter_record r;
	enum rc rc = merge_begin(s, e);
	if (rc == RC_OK)
		rc = sink_open(s->dir, &k, e);
	if (rc != RC_OK)
		return rc;
	while ((rc = merge_next(s, &r, e)) == RC_OK && (rc = sink_put(&k, &r, e)) == RC_OK)
		;
	rc = sink_close(&k, rc == RC_END ? RC_OK : rc, &whole, e);
	if (rc != RC_OK)
		return rc;
	for (unsigned i = 0; i < s->runs; i++)
		run_fini(&s->run[i]);
	s->run[0] = whole;
	s->runs = 1;
	return RC_OK;
}

static enum rc spill(struct sorter *s, struct err *e)
{
	struct sink k;
	enum rc rc = s->runs == RUNS ? merge_all(s, e) : RC_OK;
	if (rc == RC_OK)
		rc = sink_open(s->dir, &k, e);
	if (rc != RC_OK)
		return rc;
	sort_arena(s);
	for (size_t i = 0; i < s->places && rc == RC_OK; i++) {
		struct sorter_record r = record_at(s->arena + (size_t)s->place[i] * UNIT);
		rc = sink_put(&k, &r, e);
	}
	rc = sink_close(&k, rc, &s->run[s->runs], e);
	if (rc != RC_OK)
		return rc;
	s->bytes += s->run[s->runs].end;
	s->runs++;
	s->used = s->places = 0;
	return RC_OK;
}

enum rc sorter_add(struct sorter *s, const struct sorter_record *r, struct err *e)
{
	uint32_t len[2] = {(uint32_t)r->key_len, (uint32_t)r->value_len};
	assert(!s->done);
	if (r->key_len > SORTER_RECORD || r->value_len > SORTER_RECORD - r->key_len)
		return err_set(RC_BAD, e, "a record of more than %d bytes", SORTER_RECORD);
	size_t whole = (HEAD + r->key_len + r->value_len + UNIT - 1) / UNIT * UNIT;
	if (s->used + whole > s->memory) {
		enum rc rc = spill(s, e);
		if (rc != RC_OK)
			return rc;
	}
	if (s->places == s->place_capacity) {
		s->place_capacity = mem_grow(s->place_capacity, s->places + 1);
		s->place = mem_resize(s->place, s->place_capacity * sizeof *s->place);
	}
	uint8_t *to = s->arena + s->used;
	memcpy(to, len, sizeof len);
	memcpy(to + HEAD, r->key, r->key_len);
	if (r->value_len > 0)
		memcpy(to + HEAD + r->key_len, r->value, r->value_len);
	s->place[s->places++] = (uint32_t)(s->used / UNIT);
	s->used += whole;
	s->count++;
	return RC_OK;
}

enum rc sorter_done(struct sorter *s, struct err *e)
{
	assert(!s->done);
	s->done = true;
	if (s->runs == 0) {
		sort_arena(s);
		return RC_OK;
	}
	enum rc rc = s->places > 0 ? spill(s, e) : RC_OK;
	drop_arena(s);
	return rc == RC_OK ? merge_begin(s, e) : rc;
}

enum rc sorter_next(struct sorter *s, struct sorter_record *out, struct err *e)
{
	assert(s->done);
	if (s->runs > 0)
		return merge_next(s, out, e);
	if (s->next == s->places)
		return RC_END;
	*out = record_at(s->arena + (size_t)s->place[s->next++] * UNIT);
	return RC_OK;
}
