/* The two file headers, and the clear words for files that look like nfcapd but are not ours to read. */
#include "dissect/nfcapd/blocks.h"

#include "dissect/nfcapd/wire.h"

enum { MAGIC_BYTES = 4, FLAG_LZO = 0x01, FLAG_BZ2 = 0x08, FLAG_LZ4 = 0x10, FLAG_CODECS = 0x19 };

static enum rc codec_of_flags(uint32_t flags, enum codec *out, struct err *e)
{
	switch (flags & FLAG_CODECS) {
	case 0:
		*out = CODEC_NONE;
		return RC_OK;
	case FLAG_LZO:
		*out = CODEC_LZO;
		return RC_OK;
	case FLAG_BZ2:
		*out = CODEC_BZ2;
		return RC_OK;
	case FLAG_LZ4:
		*out = CODEC_LZ4;
		return RC_OK;
	default:
		return err_set(RC_BAD, e, "nfcapd: flags 0x%x name more than one compression", (unsigned)flags);
	}
}

static enum rc header_1(struct blocks *b, const uint8_t *p, struct err *e)
{
	const uint8_t *stat = p + 140;
	b->data_blocks = load32(p + 8);
	b->statistics = (struct statistics){.known = true,
	    .flows = load64(stat),
	    .bytes = load64(stat + 8),
	    .packets = load64(stat + 16),
	    .sequence_failures = load32(stat + 132)};
	return codec_of_flags(load32(p + 4), &b->codec, e);
}

static enum rc header_2(struct blocks *b, const uint8_t *p, struct err *e)
{
	static const enum codec codec[] = {CODEC_NONE, CODEC_LZO, CODEC_BZ2, CODEC_LZ4, CODEC_ZSTD};
	if (p[16] >= sizeof codec / sizeof *codec)
		return err_set(RC_BAD, e, "nfcapd: unknown compression %u", p[16]);
	if (p[17] != 0)
		return err_set(RC_BAD, e, "nfcapd: the file is encrypted (%u)", p[17]);
	b->codec = codec[p[16]];
	b->writer = load32(p + 4);
	b->appendix_blocks = load16(p + 18);
	b->data_blocks = load32(p + 36);
	return RC_OK;
}

static enum rc check_magic(const uint8_t *p, struct err *e)
{
	unsigned magic = load16(p), version = load16(p + 2);
	if (magic == MAGIC_SWAPPED)
		return err_set(RC_BAD, e, "nfcapd: written on a big-endian host, which is not supported");
	if (magic != MAGIC)
		return err_set(RC_BAD, e, "no nfcapd file: it does not begin with the magic number 0xA50C");
	if (version == 3)
		return err_set(RC_BAD, e, "nfcapd: file layout 3 (nfdump 1.8) is not supported");
	if (version != 1 && version != 2)
		return err_set(RC_BAD, e, "nfcapd: unknown file layout %u", version);
	return RC_OK;
}

enum rc blocks_header(struct blocks *b, struct err *e)
{
	const uint8_t *p;
	size_t have;
	enum rc rc = source_peek(b->source, HEADER_1, &p, &have, e);
	if (rc == RC_END)
		return err_set(RC_BAD, e, "the file is empty");
	if (rc != RC_OK)
		return rc;
	/* Fewer bytes than wanted: the end, or a read error that is nobody's format. */
	rc = have < HEADER_1 ? source_ended(b->source, e) : RC_END;
	if (rc != RC_END)
		return rc;
	if (have < MAGIC_BYTES)
		return err_set(RC_BAD, e, "no nfcapd file: it has %zu bytes", have);
	rc = check_magic(p, e);
	if (rc != RC_OK)
		return rc;
	b->layout = load16(p + 2);
	size_t size = b->layout == 1 ? HEADER_1 : HEADER_2;
	if (have < size)
		return err_set(RC_BAD, e, "nfcapd: the file ends inside its header (%zu of %zu bytes)", have, size);
	rc = b->layout == 1 ? header_1(b, p, e) : header_2(b, p, e);
	if (rc == RC_OK)
		source_take(b->source, size);
	return rc;
}
