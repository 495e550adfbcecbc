/* Any bytes as a compressed input: it ends, and gives the same bytes whatever the reads are. */
#include "pack/unpack.h"

#include "fuzz.h"

/* A small input may be any number of zeros: what reads it has to bound that, and so do we. */
enum { OUTPUT_MAX = 1 << 20, CHUNK = 64 << 10 };

struct seen {
	enum rc rc;
	uint64_t size, sum;
};

static struct seen read_all(const uint8_t *bytes, size_t size, size_t chunk)
{
	uint8_t to[CHUNK];
	struct seen s = {.sum = UINT64_C(0xcbf29ce484222325)};
	struct source *source = NULL;
	struct err e;
	size_t got = 0;
	s.rc = unpack_open(source_memory(bytes, size), &source, &e);
	must(s.rc == RC_OK || (s.rc == RC_BAD && e.text[0] != '\0'));
	while (s.rc == RC_OK && s.size < OUTPUT_MAX) {
		size_t left = OUTPUT_MAX - (size_t)s.size;
		s.rc = source_read(source, to, chunk < left ? chunk : left, &got, &e);
		for (size_t i = 0; s.rc == RC_OK && i < got; i++)
			s.sum = (s.sum ^ to[i]) * UINT64_C(0x100000001b3);
		must(s.rc != RC_OK || (got > 0 && got <= chunk));
		s.size += s.rc == RC_OK ? got : 0;
	}
	must(s.rc == RC_OK || s.rc == RC_END || s.rc == RC_BAD);
	source_close(&source);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct seen whole = read_all(bytes, size, CHUNK), small = read_all(bytes, size, 1 + size % 977);
	must(whole.rc == small.rc && whole.size == small.size && whole.sum == small.sum);
	return 0;
}
