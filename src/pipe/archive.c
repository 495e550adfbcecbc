/*
 * One pass over the bytes of a file. Small ones are read whole before anything is written, so that a double costs no
 * copy; large ones are hashed and copied block by block, and the copy is dropped if it turns out to be a double.
 */
#include "pipe/archive_work.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/writer.h"
#include "pipe/claim.h"
#include "pipe/limits.h"
#include "pipe/manifest.h"

enum { BLOCKS = 16 }; /* of a large file under way between its copy and its hash */

struct archive *archive_new(const struct archive_params *p, struct store *store, struct ledger *ledger)
{
	struct archive *a = mem_zero(1, sizeof *a);
	a->params = *p;
	a->store = store;
	a->ledger = ledger;
	a->hash = sha256_new();
	a->gmac = gmac_new();
	a->cell = cell_new(p->confine);
	a->maker = mem_zero(p->settings->pipelines, sizeof *a->maker);
	return a;
}

void archive_free(struct archive **a)
{
	if (*a == NULL)
		return;
	for (size_t i = 0; i < (*a)->params.settings->pipelines; i++)
		rows_maker_free(&(*a)->maker[i]);
	mem_free(&(*a)->maker);
	cell_free(&(*a)->cell);
	mem_free(&(*a)->bytes);
	relay_free(&(*a)->relay);
	sha256_free(&(*a)->hash);
	gmac_free(&(*a)->gmac);
	store_close(&(*a)->store);
	ledger_close(&(*a)->ledger);
	mem_free(a);
}

void archive_limit(struct archive *a, size_t event_bytes)
{
	if (a->params.limits.event_bytes == event_bytes)
		return;
	for (size_t i = 0; i < a->params.settings->pipelines; i++)
		rows_maker_free(&a->maker[i]);
	a->params.limits.event_bytes = event_bytes;
}

void archive_room(struct archive *a, size_t size)
{
	if (size <= a->capacity)
		return;
	a->capacity = mem_grow(a->capacity, size);
	mem_free(&a->bytes);
	a->bytes = mem_alloc(a->capacity);
}

enum rc archive_later(struct item *it, enum rc rc)
{
	it->outcome = ITEM_LATER;
	return rc == RC_FAIL ? RC_FAIL : RC_AGAIN;
}

void archive_release(struct archive *a, struct item *it)
{
	if (it->claimed)
		inflight_release(a->params.inflight, it->pipeline, it->sha256);
	it->claimed = false;
}

void archive_leave(struct item *it, const struct claim *c)
{
	char when[25];
	civil_iso((struct wall){c->time_ms * 1000000}, when);
	it->outcome = ITEM_FOREIGN;
	snprintf(it->note, sizeof it->note, "left to %s, which claimed it at %s for partition %u", c->instance, when,
	    c->partition);
}

uint64_t archive_rows_of(struct archive *a, const struct item *it, const uint8_t sha256[SHA256_BYTES])
{
	struct ledger_original o;
	struct err ignored;
	if (ledger_newest(a->ledger, it->pipeline->name, sha256, &o, &ignored) != RC_OK)
		return 0;
	return o.state == LEDGER_COMMITTED ? o.rows : 0;
}

/* What a file that can't be opened or read comes to: a defined outcome, never an end of the run. */
static enum rc unreadable(struct item *it, int sys, struct err *e)
{
	switch (sys) {
	case ENOENT:
	case ENOTDIR:
	case ESTALE:
		item_aside(it, "vanished before it was read");
		return RC_OK;
	case ELOOP:
		item_aside(it, "symbolic link: not followed");
		return RC_OK;
	case ENXIO:
	case EISDIR:
		item_aside(it, "not a regular file");
		return RC_OK;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return archive_later(it, err_sys(RC_AGAIN, sys, e, "open"));
	default:
		item_aside(it, sys == EACCES || sys == EPERM ? "no permission to read it" : "can't be read: %s",
		    strerror(sys));
		it->retry_note = true;
		return RC_OK;
	}
}

static bool changed(struct item *it)
{
	item_aside(it, "changed while it was read");
	it->unsettled = true;
	return true;
}

/* The file must be what it was when the first byte was read: else what we have is a mixture. */
static bool has_changed(struct item *it, int fd)
{
	struct stat st;
	struct looks now;
	if (fstat(fd, &st) != 0)
		return changed(it);
	looks_of(&st, &now);
	return !looks_same(&now, &it->looks) && changed(it);
}

/* Hash a block that begins at offset. Where the ledger knew a shorter file of this name, look whether it was our
 * beginning. */
static void hash_block(struct archive *a, struct item *it, uint64_t offset, const uint8_t *bytes, size_t n, bool *grown)
{
	size_t before = 0;
	uint64_t mark = it->known_size;
	if (it->known && mark > offset && mark <= offset + n && mark < it->looks.size) {
		uint8_t digest[SHA256_BYTES];
		before = (size_t)(mark - offset);
		sha256_add(a->hash, bytes, before);
		sha256_peek(a->hash, digest);
		*grown = memcmp(digest, it->known_sha256, SHA256_BYTES) == 0;
	}
	sha256_add(a->hash, bytes + before, n - before);
}

/* Up to size bytes, fewer only at the end of the file; -1 with errno. */
static ssize_t read_full(int fd, uint8_t *to, size_t size)
{
	size_t got = 0;
	while (got < size) {
		ssize_t n = read(fd, to + got, size - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

static enum rc stage_open(struct archive *a, struct item *it, struct err *e)
{
	it->staged = mem_format("%s/%u-%" PRIu64, a->params.staging, a->params.thread, a->staged++);
	return store_create(a->store, it->staged, &it->file, e);
}

static void drop_staged(struct archive *a, struct item *it)
{
	store_abandon(a->store, &it->file);
	store_abandon(a->store, &it->claim_file);
	mem_free(&it->staged);
	mem_free(&it->claim);
}

static enum rc stage_failed(struct archive *a, struct item *it, enum rc rc, struct err *e)
{
	drop_staged(a, it);
	if (rc != RC_BAD)
		return archive_later(it, rc);
	item_aside(it, "the lake refuses it: %.180s", e->text);
	return RC_OK;
}

/* What becomes of a large file's blocks beside the copy. */
struct sums {
	struct archive *archive;
	struct item *item;
	uint64_t offset;
	bool has_mac, grown;
};

static void add_sums(void *context, const uint8_t *bytes, size_t size)
{
	struct sums *s = context;
	hash_block(s->archive, s->item, s->offset, bytes, size, &s->grown);
	if (s->has_mac)
		gmac_add(s->archive->gmac, bytes, size);
	s->offset += size;
}

/* All blocks into the sums and staging. *sys: what reading failed with. */
static enum rc copy_blocks(struct archive *a, struct item *it, int fd, uint64_t *size, int *sys, struct err *e)
{
	while (!board_stopped(a->params.board)) {
		uint8_t *block = relay_block(a->relay);
		ssize_t n = read_full(fd, block, ARCHIVE_BLOCK);
		*sys = n < 0 ? errno : 0;
		if (n <= 0)
			return RC_OK;
		relay_put(a->relay, (size_t)n);
		*size += (uint64_t)n;
		if (*size > it->looks.size)
			return RC_OK;
		enum rc rc = store_write(a->store, it->file, block, (size_t)n, e);
		if (rc != RC_OK)
			return rc;
	}
	return err_set(RC_AGAIN, e, "stopped");
}

/* Read all of a large file into the hash, the MAC and staging. done says whether the item goes on. */
static enum rc pass_large(struct archive *a, struct item *it, int fd, bool *grown, bool *done, struct err *e)
{
	struct sums sums = {.archive = a, .item = it, .has_mac = mac_draw(&it->mac)};
	uint64_t size = 0;
	int sys = 0;
	if (a->relay == NULL)
		a->relay = relay_new(ARCHIVE_BLOCK, BLOCKS);
	if (sums.has_mac)
		gmac_begin(a->gmac, &it->mac);
	relay_begin(a->relay, add_sums, &sums);
	enum rc rc = stage_open(a, it, e);
	if (rc == RC_OK)
		rc = copy_blocks(a, it, fd, &size, &sys, e);
	relay_end(a->relay);
	if (sys != 0) {
		stage_failed(a, it, RC_AGAIN, e);
		return unreadable(it, sys, e);
	}
	if (rc != RC_OK)
		return stage_failed(a, it, rc, e);
	*grown = sums.grown;
	if (size != it->looks.size)
		changed(it);
	if (sums.has_mac)
		gmac_end(a->gmac, it->mac.tag);
	it->has_mac = sums.has_mac;
	*done = size == it->looks.size;
	return RC_OK;
}

static enum rc pass_small(struct archive *a, struct item *it, int fd, bool *grown, bool *done, struct err *e)
{
	size_t size = (size_t)it->looks.size;
	archive_room(a, size + 1);
	ssize_t n = read_full(fd, a->bytes, size + 1);
	if (n < 0)
		return unreadable(it, errno, e);
	if ((size_t)n != size) {
		changed(it);
		return RC_OK;
	}
	hash_block(a, it, 0, a->bytes, size, grown);
	*done = true;
	return RC_OK;
}

/* Where others watch the same folder: whose is it? load --again is a person's decision: the claim becomes ours. */
static enum rc look_for_claim(struct archive *a, struct item *it, bool *needed, struct err *e)
{
	const char *pipeline = it->pipeline->name;
	struct claim c;
	enum claim_owner owner = CLAIM_OURS;
	*needed = false;
	if (!a->params.settings->claim_shared)
		return RC_OK;
	enum rc rc = claim_look(a->store, a->params.settings->instance, pipeline, it->sha256, &owner, &c, e);
	if (rc == RC_OK && owner == CLAIM_FOREIGN && it->explicit_again) {
		rc = claim_remove(a->store, pipeline, it->sha256, e);
		owner = CLAIM_FREE;
	}
	if (rc != RC_OK)
		return rc;
	if (owner == CLAIM_FOREIGN)
		archive_leave(it, &c);
	*needed = owner == CLAIM_FREE;
	return RC_OK;
}

/* A claim goes into staging beside its original, shares its sync, and is moved to its place before it. */
static enum rc stage_claim(struct archive *a, struct item *it, struct err *e)
{
	struct claim c = {.time_ms = clock_wall().ns / 1000000};
	const uint8_t *h = it->sha256;
	size_t pipeline = (size_t)(it->pipeline - a->params.settings->pipeline);
	uint32_t first = (uint32_t)h[0] << 24 | (uint32_t)h[1] << 16 | (uint32_t)h[2] << 8 | h[3];
	char shown[4 * ARCHIVE_NAME + 1];
	struct writer text;
	c.partition = first % a->params.partitions[2 * pipeline + (it->rows_event ? 1 : 0)];
	(void)str_copy(c.instance, sizeof c.instance, a->params.settings->instance);
	str_escape(it->name, strnlen(it->name, ARCHIVE_NAME), shown);
	(void)str_copy(c.name, sizeof c.name, shown);
	writer_init(&text, CLAIM_MAX);
	claim_write(&c, &text);
	it->claim = mem_format("%s.claim", it->staged);
	enum rc rc = store_create(a->store, it->claim, &it->claim_file, e);
	if (rc == RC_OK)
		rc = store_write(a->store, it->claim_file, text.bytes, text.len, e);
	if (rc == RC_OK)
		rc = store_close_file(a->store, it->claim_file, text.len, e);
	writer_fini(&text);
	return rc;
}

/* The item's content comes again by somebody's wish: its number, and beside how many rows of every time before. A whole
 * copy that a replay took (replay.h) has none of these numbers, and counts as the first. */
static enum rc number_again(struct archive *a, struct item *it, const struct ledger_original *newest, struct err *e)
{
	bool copy = newest->again >= MANIFEST_REPLAY;
	uint32_t last = copy ? MANIFEST_REPLAY - 1 : newest->again, n = copy ? 1 : 0;
	struct ledger_original o;
	it->beside = copy ? newest->rows : 0;
	for (; n <= last; n++) {
		enum rc rc = ledger_original(a->ledger, it->pipeline->name, it->sha256, n, &o, e);
		if (rc == RC_OK)
			it->beside += o.rows;
		else if (rc != RC_END)
			return rc;
		else if (copy)
			break;
	}
	it->again = n;
	return RC_OK;
}

/* Is this content new to the pipeline? The claim comes before the look, so that a twin that was just written down is
 * seen. */
static enum rc identify(struct archive *a, struct item *it, bool grown, bool *fresh, struct err *e)
{
	struct ledger_original known;
	if (grown && !it->explicit_again) {
		item_aside(it, "grown: its first %" PRIu64 " bytes were taken before", it->known_size);
		return RC_OK;
	}
	it->claimed = inflight_take(a->params.inflight, it->pipeline, it->sha256);
	if (!it->claimed) {
		it->outcome = ITEM_LATER;
		return RC_OK;
	}
	enum rc rc = ledger_newest(a->ledger, it->pipeline->name, it->sha256, &known, e);
	if (rc != RC_OK && rc != RC_END)
		return archive_later(it, rc);
	bool again = rc == RC_OK && it->explicit_again && known.run != a->params.run;
	*fresh = rc == RC_END || again;
	it->again = 0;
	it->beside = !again && *fresh && grown ? archive_rows_of(a, it, it->known_sha256) : 0;
	if (again && (rc = number_again(a, it, &known, e)) != RC_OK)
		return archive_later(it, rc);
	it->outcome = *fresh ? ITEM_TAKEN : ITEM_DOUBLE;
	return RC_OK;
}

/* <dataset>/binary/YYYYMMDD/HH/<name>: the hour of the slot that the name tells, else of the last change. */
static void name_original(struct archive *a, struct item *it)
{
	const struct dissect_ops *d = it->pipeline->dissector;
	mem_free(&it->name);
	mem_free(&it->path);
	it->name = mem_text(file_name(it->source));
	it->archived_s = clock_wall().ns / NS_PER_S;
	it->slot_s = d->slot != NULL ? d->slot(it->name) : 0;
	struct civil c = civil_of(it->slot_s != 0 ? it->slot_s : it->looks.mtime_ns / NS_PER_S);
	if (c.year < 1970 || c.year > 9999)
		c = civil_of(it->archived_s);
	it->path = mem_format("%s/binary/%04d%02u%02u/%02u/%s", it->pipeline->schema->name, (int)c.year, c.month, c.day,
	    c.hour, it->name);
	if (!store_takes(a->store, it->path))
		archive_rename(a, it);
}

static struct rows_maker *maker_of(struct archive *a, const struct pipeline *p)
{
	size_t i = (size_t)(p - a->params.settings->pipeline);
	if (a->maker[i] == NULL)
		a->maker[i] = rows_maker_new(p, &a->params.limits, a->cell);
	return a->maker[i];
}

static enum rc make_rows(struct archive *a, struct item *it, uint64_t bytes_max, struct err *e)
{
	const struct dissect_hints hints = {
	    .name = it->name, .size = it->looks.size, .slot_s = it->slot_s, .archived_s = it->archived_s};
	enum rc rc =
	    rows_make(maker_of(a, it->pipeline), a->bytes, (size_t)it->looks.size, &hints, bytes_max, &it->rows, e);
	it->rows_event = rc == RC_OK;
	if (rc == RC_OK && it->rows.bytes > 0)
		item_hold(it, a->params.hold);
	return rc == RC_END ? RC_OK : rc;
}

static enum rc take(struct archive *a, struct item *it, bool small, struct err *e)
{
	bool unclaimed = false;
	enum rc rc = look_for_claim(a, it, &unclaimed, e);
	if (rc != RC_OK)
		return stage_failed(a, it, rc, e);
	if (it->outcome == ITEM_FOREIGN)
		return RC_OK;
	name_original(a, it);
	if (small)
		rc = make_rows(a, it, a->params.rows_max, e);
	if (rc == RC_OK && small)
		rc = stage_open(a, it, e);
	if (rc == RC_OK && small)
		rc = store_write(a->store, it->file, a->bytes, (size_t)it->looks.size, e);
	if (rc == RC_OK)
		rc = store_close_file(a->store, it->file, it->looks.size, e);
	it->parts = it->rows_event ? it->rows.parts : 1;
	it->topic = it->rows_event ? it->pipeline->topic_rows : it->pipeline->topic_files;
	if (rc == RC_OK && unclaimed)
		rc = stage_claim(a, it, e);
	if (rc == RC_OK)
		rc = FAULT(COLLECTOR_STAGED, e);
	return rc == RC_OK ? RC_OK : stage_failed(a, it, rc, e);
}

static enum rc take_open(struct archive *a, struct item *it, int fd, struct err *e)
{
	struct metric_slot *figures = board_figures(a->params.board);
	bool small = it->looks.size <= a->params.settings->inline_max, grown = false, done = false, fresh = false;
	limit_most(figures, LIMIT_INLINE, it->looks.size);
	if (!small)
		limit_reached(figures, LIMIT_INLINE);
	sha256_reset(a->hash);
	enum rc rc = small ? pass_small(a, it, fd, &grown, &done, e) : pass_large(a, it, fd, &grown, &done, e);
	if (rc == RC_OK && done && !has_changed(it, fd)) {
		sha256_peek(a->hash, it->sha256);
		rc = FAULT(COLLECTOR_READ, e);
		rc = rc == RC_OK ? identify(a, it, grown, &fresh, e) : archive_later(it, rc);
		if (rc == RC_OK && fresh)
			rc = take(a, it, small, e);
	}
	if (rc != RC_OK || it->outcome != ITEM_TAKEN) {
		drop_staged(a, it);
		item_drop_rows(it);
		archive_release(a, it);
	}
	return rc;
}

static enum rc take_source(struct archive *a, struct item *it, struct err *e)
{
	struct stat st;
	struct looks looks;
	/* O_NONBLOCK: a FIFO that took the name must not hold us up. */
	int fd = open(it->source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return unreadable(it, errno, e);
	enum rc rc = FAULT(COLLECTOR_OPENED, e);
	if (rc != RC_OK) {
		rc = archive_later(it, rc);
	} else if (fstat(fd, &st) != 0) {
		rc = unreadable(it, errno, e);
	} else if (!S_ISREG(st.st_mode)) {
		item_aside(it, "not a regular file");
	} else {
		looks_of(&st, &looks);
		bool moved = it->settled && !looks_same(&looks, &it->looks);
		it->looks = looks;
		if (moved)
			changed(it);
		else
			rc = take_open(a, it, fd, e);
	}
	close(fd);
	return rc;
}

static enum rc lost(struct item *it, const char *why)
{
	snprintf(it->note, sizeof it->note, "%.200s", why);
	it->outcome = ITEM_LOST;
	return RC_OK;
}

/* While we were down, a person may have given it to another instance. */
static enum rc taken_over(struct archive *a, struct item *it, bool *gone, struct err *e)
{
	struct claim c;
	char why[160];
	enum claim_owner owner = CLAIM_OURS;
	if (!a->params.settings->claim_shared)
		return RC_OK;
	enum rc rc = claim_look(a->store, a->params.settings->instance, it->pipeline->name, it->sha256, &owner, &c, e);
	if (rc != RC_OK || owner != CLAIM_FOREIGN)
		return rc;
	*gone = true;
	snprintf(why, sizeof why, "taken over by %s", c.instance);
	return lost(it, why);
}

/* The bytes of an original that an earlier run archived, again into its parts. */
static enum rc take_archived(struct archive *a, struct item *it, struct err *e)
{
	uint8_t digest[SHA256_BYTES];
	size_t got = 0;
	if (it->outcome == ITEM_LOST)
		return RC_OK;
	it->outcome = ITEM_TAKEN;
	bool gone = false;
	enum rc rc = taken_over(a, it, &gone, e);
	if (rc == RC_OK)
		rc = FAULT(COLLECTOR_AGAIN, e);
	if (rc != RC_OK)
		return archive_later(it, rc);
	if (gone || !it->rows_event)
		return RC_OK;
	archive_room(a, (size_t)it->looks.size + 1);
	rc = store_get_range(a->store, it->path, 0, a->bytes, (size_t)it->looks.size + 1, &got, e);
	if (rc == RC_END)
		return lost(it, "the original is not in the lake");
	if (rc == RC_BAD)
		return lost(it, e->text);
	if (rc != RC_OK)
		return archive_later(it, rc);
	sha256_of(a->bytes, got, digest);
	if (got != it->looks.size || memcmp(digest, it->sha256, SHA256_BYTES) != 0)
		return lost(it, "the original in the lake is not what was archived");
	/* No limit: it went as rows once, so its topic and partition stand. Should it not fit now, a file event takes
	 * its place there. */
	rc = make_rows(a, it, UINT64_MAX, e);
	it->rows_event = true;
	it->parts = it->rows.parts != 0 ? it->rows.parts : 1;
	return rc == RC_OK ? RC_OK : archive_later(it, rc);
}

enum rc archive_item(struct archive *a, struct item *it, struct err *e)
{
	if (it->task != ITEM_TAKE && it->task != ITEM_REPUBLISH)
		return RC_OK;
	it->note[0] = '\0';
	it->retry_note = it->unsettled = it->has_mac = false;
	item_drop_rows(it);
	return it->task == ITEM_TAKE ? take_source(a, it, e) : take_archived(a, it, e);
}
