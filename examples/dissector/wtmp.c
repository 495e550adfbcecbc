/* Records have one length, so damage in one costs that one: there is nothing to search for behind it. */
#include "wtmp.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/reader.h"

enum { RECORD = 384, LINE = 32, USER = 32, HOST = 256, TEXTS = LINE + USER + HOST, TYPE_LAST = 9, ROWS = 4096 };

enum { FIELD_TIME, FIELD_TYPE, FIELD_PID, FIELD_LINE, FIELD_USER, FIELD_HOST, FIELD_ADDR, FIELD_COUNT };

static const struct field field[FIELD_COUNT] = {
    [FIELD_TIME] = {"time", TYPE_TIME, "when it was written, ut_tv"},
    [FIELD_TYPE] = {"type", TYPE_U32, "ut_type: 1 run level, 2 boot, 6 login, 7 user, 8 logged out"},
    [FIELD_PID] = {"pid", TYPE_I64, "ut_pid: of the login process"},
    [FIELD_LINE] = {"line", TYPE_BYTES, "ut_line: the device, pts/0"},
    [FIELD_USER] = {"user", TYPE_BYTES, "ut_user: the login name"},
    [FIELD_HOST] = {"host", TYPE_BYTES, "ut_host: where from, as the program that logged it says"},
    [FIELD_ADDR] = {"addr", TYPE_IP, "ut_addr_v6: where from; null where there is none"},
};

struct wtmp {
	struct dissector base;
	struct source *src;
	struct batch *batch, **spare;
	const unsigned *wanted;
	size_t wants;
	bool any;   /* a record was good: what follows is not another format */
	bool ended; /* no more input */
	bool clean;
};

/* One record, as utmp(5) names its members. */
struct record {
	uint32_t type;
	int32_t pid, tv_sec, tv_usec;
	const uint8_t *line, *user, *host, *addr_v6;
};

/* NULL: good. Else why it is none. */
static const char *read_record(const uint8_t *bytes, struct record *out)
{
	struct reader r = reader_of(bytes, RECORD);
	out->type = reader_le16(&r);
	reader_take(&r, 2);
	out->pid = (int32_t)reader_le32(&r);
	out->line = reader_take(&r, LINE);
	reader_take(&r, 4); /* ut_id */
	out->user = reader_take(&r, USER);
	out->host = reader_take(&r, HOST);
	reader_take(&r, 8); /* ut_exit, ut_session */
	out->tv_sec = (int32_t)reader_le32(&r);
	out->tv_usec = (int32_t)reader_le32(&r);
	out->addr_v6 = reader_take(&r, 16);
	assert(reader_ok(&r)); /* the caller has shown all RECORD bytes */
	if (out->type > TYPE_LAST)
		return "no type of login record";
	if (out->tv_usec < 0 || out->tv_usec >= 1000000)
		return "no microseconds";
	return out->tv_sec <= 0 ? "no time" : NULL;
}

/* A text that ends at its first NUL, or fills its member. */
static void put_text(struct batch *b, unsigned column, const uint8_t *text, size_t size)
{
	size_t len = strnlen((const char *)text, size);
	struct span *value = (struct span *)batch_values(b, column) + b->rows;
	bool there = batch_put(b, text, len, value);
	assert(there); /* has_room */
}

/* IPv4 in the first four bytes, the rest zero: utmp(5) tells the two apart by that. */
static void put_addr(struct batch *b, unsigned column, const uint8_t *addr)
{
	static const uint8_t zero[16];
	struct ip *value = (struct ip *)batch_values(b, column) + b->rows;
	*value = (struct ip){.family = memcmp(addr + 4, zero, 12) == 0 ? 4 : 6};
	if (memcmp(addr, zero, 16) == 0)
		batch_set_null(b, column, b->rows);
	else
		memcpy(value->octet, addr, value->family == 4 ? 4 : 16);
}

/* Column i of the batch holds field wanted[i]: what nobody wants is not looked at. */
static void put_row(struct wtmp *w, const struct record *r)
{
	struct batch *b = w->batch;
	for (unsigned i = 0; i < w->wants; i++) {
		void *values = batch_values(b, i);
		switch (w->wanted[i]) {
		case FIELD_TIME:
			((int64_t *)values)[b->rows] = r->tv_sec * INT64_C(1000000000) + r->tv_usec * INT64_C(1000);
			break;
		case FIELD_TYPE:
			((uint32_t *)values)[b->rows] = r->type;
			break;
		case FIELD_PID:
			((int64_t *)values)[b->rows] = r->pid;
			break;
		case FIELD_LINE:
			put_text(b, i, r->line, LINE);
			break;
		case FIELD_USER:
			put_text(b, i, r->user, USER);
			break;
		case FIELD_HOST:
			put_text(b, i, r->host, HOST);
			break;
		case FIELD_ADDR:
			put_addr(b, i, r->addr_v6);
			break;
		}
	}
	b->rows++;
}

/* For one more record, whatever it becomes. */
static bool has_room(const struct batch *b)
{
	size_t arena = b->size - b->arena_at - b->arena_used;
	return b->rows < b->row_capacity && b->rejects < BATCH_REJECTS && arena >= TEXTS + 2 * RECORD;
}

/* The next record into the batch. RC_BAD: not this format at all. */
static enum rc take_record(struct wtmp *w, struct err *e)
{
	const uint8_t *bytes;
	size_t have;
	struct record r;
	uint64_t offset = source_offset(w->src);
	enum rc rc = source_peek(w->src, RECORD, &bytes, &have, e);
	if (rc == RC_END) {
		w->ended = true;
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	const char *why = have < RECORD ? "cut" : read_record(bytes, &r);
	if (why != NULL && !w->any)
		return err_set(RC_BAD, e, "no login records: %s", why);
	w->any = true;
	if (why == NULL)
		put_row(w, &r);
	else
		batch_reject(w->batch, offset, have, 1, why, bytes, have);
	w->clean &= have == RECORD;
	source_take(w->src, have);
	return RC_OK;
}

static enum rc wtmp_next(struct dissector *d, const struct batch **out, bool *clean, struct err *e)
{
	struct wtmp *w = (struct wtmp *)d;
	enum rc rc = RC_OK;
	batch_reset(w->batch);
	while (rc == RC_OK && !w->ended && has_room(w->batch))
		rc = take_record(w, e);
	if (batch_holds(w->batch)) { /* a failure comes again with the next call */
		*out = w->batch;
		return RC_OK;
	}
	if (rc == RC_OK) {
		*clean = w->clean;
		return RC_END;
	}
	return rc;
}

static void wtmp_close(struct dissector *d)
{
	struct wtmp *w = (struct wtmp *)d;
	source_close(&w->src);
	batch_keep(&w->batch, w->spare);
	mem_free(&w);
}

static enum rc wtmp_open(struct source *src, const struct dissect_hints *hints, const struct dissect_params *params,
    struct dissector **out, struct err *e)
{
	enum type types[BATCH_COLUMNS];
	uint32_t rows = params->rows > 0 ? params->rows : ROWS;
	if (params->options > 0) {
		source_close(&src);
		return err_set(RC_BAD, e, "%s: wtmp has no options", params->option[0].key);
	}
	for (size_t i = 0; i < params->wants; i++)
		types[i] = field[params->wanted[i]].type;
	struct wtmp *w = mem_zero(1, sizeof *w);
	*w = (struct wtmp){
	    .base = {&dissect_wtmp}, .src = src, .wanted = params->wanted, .wants = params->wants, .clean = true};
	w->spare = params->spare;
	w->batch = batch_again(w->spare, types, params->wants, rows, (size_t)rows * TEXTS + 2 * RECORD);
	*out = &w->base;
	return RC_OK;
}

const struct dissect_ops dissect_wtmp = {
    .name = "wtmp",
    .version = "1",
    .field = field,
    .fields = FIELD_COUNT,
    .open = wtmp_open,
    .next = wtmp_next,
    .close = wtmp_close,
};
