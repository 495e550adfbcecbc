/* One block after another: read, decompress, check; and the way back into step after damage. */
#include "dissect/nfcapd/blocks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dissect/nfcapd/records.h"
#include "dissect/nfcapd/wire.h"

/* Blocks are looked for in a window that grows to BLOCK_MAX, at most SEARCHES times in a file: a hostile one must not
 * make us crawl. */
enum { WINDOW = 64 << 10, SEARCHES = 1024, BLOCK_FLAGS = 7 };

struct block_header {
	uint32_t records, size;
	uint16_t type, flags;
};

void blocks_init(struct blocks *b, struct source *source)
{
	*b = (struct blocks){.source = source, .pack = pack_new()};
}

void blocks_fini(struct blocks *b)
{
	source_close(&b->source);
	pack_free(&b->pack);
	mem_free(&b->out);
}

static struct block_header parse(const uint8_t *p)
{
	return (struct block_header){load32(p), load32(p + 4), load16(p + 8), load16(p + 10)};
}

static bool type_known(const struct blocks *b, unsigned type)
{
	return b->layout == 1 ? type == BLOCK_V1 || type == BLOCK_OLD || type == BLOCK_ARRAY
	                      : type == BLOCK_V3 || type == BLOCK_V1 || type == BLOCK_ARRAY;
}

/* Can a block begin with these 12 bytes? */
static bool plausible(const struct blocks *b, const uint8_t *p)
{
	struct block_header h = parse(p);
	uint64_t least = (uint64_t)h.records * RECORD_HEADER;
	return type_known(b, h.type) && h.flags <= BLOCK_FLAGS && h.records > 0 && h.size > 0 && h.size <= BLOCK_MAX &&
	       least <= (b->codec == CODEC_NONE ? h.size : BLOCK_MAX);
}

/* want bytes; fewer only at the end of the file, and then not *whole. At the very end there are none, which is no error
 * here. */
static enum rc peek(struct blocks *b, size_t want, const uint8_t **p, size_t *have, bool *whole, struct err *e)
{
	enum rc rc = source_peek(b->source, want, p, have, e);
	*whole = rc == RC_OK && *have == want;
	if (*whole)
		return RC_OK;
	if (rc == RC_OK)
		rc = source_ended(b->source, e);
	else
		*p = (const uint8_t *)"";
	return rc == RC_END ? RC_OK : rc;
}

/* What follows the used bytes is damage. known: it is that long; else blocks are looked for behind that many bytes. */
static void lose(struct blocks *b, size_t used, bool known, size_t bytes, uint64_t rows, const char *reason)
{
	b->used = used;
	b->lost = true;
	b->lost_known = known;
	b->lost_bytes = bytes;
	b->damage = (struct damage){.rows = rows};
	str_copy(b->damage.reason, sizeof b->damage.reason, reason);
	b->damages++;
}

enum chain { CHAIN_NO, CHAIN_YES, CHAIN_UNSEEN };

/* Does the block that seems to begin at `at` lead to another one, or to the end of the file? */
static enum chain chained(const struct blocks *b, const uint8_t *p, size_t have, size_t at, bool end_seen)
{
	struct block_header h = parse(p + at);
	size_t next = at + BLOCK_HEADER + h.size;
	if (next + BLOCK_HEADER <= have)
		return plausible(b, p + next) ? CHAIN_YES : CHAIN_NO;
	if (!end_seen)
		return CHAIN_UNSEEN;
	if (next == have)
		return CHAIN_YES;
	/* Cut by the end of the file. Its first record must vouch for it; a compressed one gives no rows anyway. */
	const uint8_t *record = p + at + BLOCK_HEADER;
	size_t left = have - at - BLOCK_HEADER;
	if (b->codec != CODEC_NONE || left < RECORD_HEADER)
		return CHAIN_NO;
	size_t size = load16(record + 2);
	return size >= RECORD_HEADER && size <= left && record_problem(record, size) == NULL ? CHAIN_YES : CHAIN_NO;
}

/* Read to the end of the file; returns how far that was. */
static enum rc drain(struct blocks *b, uint64_t *passed, struct err *e)
{
	const uint8_t *p;
	size_t have;
	enum rc rc;
	while ((rc = source_peek(b->source, WINDOW, &p, &have, e)) == RC_OK) {
		source_take(b->source, have);
		*passed += have;
	}
	return rc == RC_END ? RC_OK : rc;
}

/* First place in [skip, have) where a block can begin. CHAIN_UNSEEN: at *at one seems to, but a larger window must
 * tell. */
static enum chain look_through(
    const struct blocks *b, const uint8_t *p, size_t have, bool end_seen, size_t skip, size_t *at)
{
	for (*at = skip; *at + BLOCK_HEADER <= have; ++*at) {
		if (!plausible(b, p + *at))
			continue;
		enum chain c = chained(b, p, have, *at, end_seen);
		if (c != CHAIN_NO)
			return c;
	}
	return CHAIN_NO;
}

/* How long is the damage? To the next block; to the end of the file when there is none within BLOCK_MAX: then it is
 * passed. */
static enum rc search(struct blocks *b, uint64_t *length, struct err *e)
{
	size_t skip = b->lost_bytes, at = 0;
	bool tired = ++b->searches > SEARCHES;
	for (size_t window = WINDOW; !tired; window = window * 4 < BLOCK_MAX ? window * 4 : BLOCK_MAX) {
		const uint8_t *p;
		size_t have;
		bool whole;
		enum rc rc = peek(b, window, &p, &have, &whole, e);
		if (rc != RC_OK)
			return rc;
		enum chain c = look_through(b, p, have, !whole, skip, &at);
		if (c == CHAIN_YES || (c == CHAIN_UNSEEN && window == BLOCK_MAX)) {
			source_take(b->source, at);
			*length = at;
			return RC_OK;
		}
		if (!whole || window == BLOCK_MAX)
			break;
		skip = at > skip ? at : skip;
	}
	*length = 0;
	return drain(b, length, e);
}

/* The source stands at the beginning of the damage: say where, show its first bytes, and move behind it. */
static enum rc leave_damage(struct blocks *b, struct err *e)
{
	struct damage *d = &b->damage;
	const uint8_t *p;
	size_t have;
	bool whole;
	enum rc rc = peek(b, sizeof d->raw, &p, &have, &whole, e);
	if (rc != RC_OK)
		return rc;
	d->offset = source_offset(b->source);
	memcpy(d->raw, p, have);
	d->length = b->lost_bytes;
	if (b->lost_known)
		source_take(b->source, b->lost_bytes);
	else
		rc = search(b, &d->length, e);
	if (rc != RC_OK)
		return rc;
	d->raw_length = have < d->length ? have : (size_t)d->length;
	d->set = true;
	b->lost = false;
	return RC_OK;
}

/* Does the header's size lead to another block or to the end? Then only this block is lost, not our step. */
static enum rc size_trusted(struct blocks *b, size_t length, bool *trusted, struct err *e)
{
	const uint8_t *p;
	size_t have;
	bool whole;
	enum rc rc = peek(b, length + BLOCK_HEADER, &p, &have, &whole, e);
	if (rc == RC_OK)
		*trusted = have == length || (whole && plausible(b, p + length));
	return rc;
}

/* Decompressed and checked: *reason says what is wrong with it. */
static enum rc unpack(
    struct blocks *b, const struct block_header *h, const uint8_t *p, struct block *block, struct err *e)
{
	if (b->out == NULL)
		b->out = mem_alloc(BLOCK_MAX);
	size_t size;
	enum rc rc = unpack_block(b->pack, b->codec, p, h->size, b->out, BLOCK_MAX, &size, e);
	if (rc != RC_OK)
		return rc;
	struct records_check check = records_check(b->out, size, h->records);
	if (check.reason != NULL)
		return err_set(RC_BAD, e, "%s", check.reason);
	block->bytes = b->out;
	block->size = size;
	return RC_OK;
}

/* A block that is all or nothing. p is its header, with everything behind it when whole. */
static enum rc packed_block(
    struct blocks *b, const struct block_header *h, const uint8_t *p, bool whole, struct block *block, struct err *e)
{
	struct err why = {.text = "the file ends inside a compressed block"};
	enum rc rc = whole ? unpack(b, h, p + BLOCK_HEADER, block, &why) : RC_BAD;
	if (rc == RC_OK) {
		b->used = block->length;
		return RC_OK;
	}
	if (rc != RC_BAD) {
		*e = why;
		return rc;
	}
	bool trusted = false;
	rc = whole ? size_trusted(b, block->length, &trusted, e) : RC_OK;
	if (rc == RC_OK)
		lose(b, 0, trusted, trusted ? block->length : BLOCK_HEADER,
		    trusted ? h->records : h->records | REJECT_ROWS_LEAST, why.text);
	return rc;
}

/* A block as it lies on disk: records before the first broken one are good, and leave first. */
static enum rc plain_block(
    struct blocks *b, const struct block_header *h, size_t have, struct block *block, struct err *e)
{
	bool whole = have == block->length, trusted = false;
	enum rc rc = whole ? size_trusted(b, block->length, &trusted, e) : RC_OK;
	const uint8_t *p;
	/* That may have moved the bytes. They are buffered, so this cannot fail. */
	if (rc == RC_OK)
		rc = source_peek(b->source, have, &p, &have, e);
	if (rc != RC_OK)
		return rc;
	struct records_check check = records_check(p + BLOCK_HEADER, have - BLOCK_HEADER, h->records);
	block->bytes = p + BLOCK_HEADER;
	block->size = check.good;
	block->in_place = true;
	b->used = BLOCK_HEADER + check.good;
	if (whole && check.reason == NULL)
		return RC_OK;
	uint64_t rows = check.records < h->records ? h->records - check.records : REJECT_ROWS_UNKNOWN;
	/* Behind it more may lie than this block's header knows of. */
	if (!trusted && rows != REJECT_ROWS_UNKNOWN)
		rows |= REJECT_ROWS_LEAST;
	lose(b, b->used, trusted, trusted ? have - b->used : 0, rows,
	    whole ? check.reason : "the file ends inside a block");
	return RC_OK;
}

/* Blocks that hold no flows: of another kind than this reader's. */
static void foreign_block(struct blocks *b, const struct block_header *h, bool whole, const struct block *block)
{
	if (h->type == BLOCK_ARRAY && whole)
		b->used = block->length;
	else if (!whole)
		lose(b, 0, false, BLOCK_HEADER, REJECT_ROWS_UNKNOWN, "the file ends inside a block");
	else
		lose(b, 0, true, block->length, h->records, "a block of nfdump 1.5, which is not supported");
}

enum rc blocks_next(struct blocks *b, struct block *block, struct err *e)
{
	*block = (struct block){0};
	source_take(b->source, b->used);
	b->used = 0;
	if (b->lost)
		return leave_damage(b, e);
	const uint8_t *p;
	size_t have;
	bool whole;
	enum rc rc = peek(b, BLOCK_HEADER, &p, &have, &whole, e);
	if (rc != RC_OK)
		return rc;
	if (have == 0)
		return RC_END;
	if (!whole || !plausible(b, p)) {
		lose(b, 0, false, 0, REJECT_ROWS_UNKNOWN,
		    whole ? "no block header" : "the file ends inside a block header");
		return RC_OK;
	}
	struct block_header h = parse(p);
	block->offset = source_offset(b->source);
	block->length = BLOCK_HEADER + (uint64_t)h.size;
	rc = peek(b, block->length, &p, &have, &whole, e);
	if (rc != RC_OK)
		return rc;
	if (h.type == BLOCK_ARRAY || h.type == BLOCK_OLD)
		foreign_block(b, &h, whole, block);
	else if (b->codec != CODEC_NONE)
		rc = packed_block(b, &h, p, whole, block, e);
	else
		rc = plain_block(b, &h, have, block, e);
	b->seen += rc == RC_OK;
	return rc;
}

void blocks_missing(struct blocks *b)
{
	uint64_t promised = (uint64_t)b->data_blocks + b->appendix_blocks;
	if (b->damages > 0 || b->seen >= promised)
		return;
	b->damages++;
	b->damage = (struct damage){.set = true, .offset = source_offset(b->source)};
	b->damage.rows = b->seen >= b->data_blocks ? 0 : REJECT_ROWS_UNKNOWN;
	snprintf(b->damage.reason, sizeof b->damage.reason, "the file ends after %" PRIu64 " of %" PRIu64 " blocks",
	    b->seen, promised);
}

bool blocks_unfinished(const struct blocks *b)
{
	return b->data_blocks == 0 && b->appendix_blocks == 0 && b->seen > 0;
}
