/* Any bytes as what a name node says: as an error, a status, a listing, and as a name. What is taken as a name comes
 * back the same. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "store/webhdfs/answer.h"
#include "store/webhdfs/name.h"

static void see(void *context, const char *name)
{
	*(size_t *)context += strlen(name);
}

static void decode_and_back(const char *bytes, size_t size)
{
	struct writer w;
	char *raw = malloc(size + 1);
	must(raw != NULL);
	if (name_decode(bytes, size, raw)) {
		must(raw[0] != '\0' && strchr(raw, '/') == NULL && strlen(raw) <= size);
		writer_init(&w, 3 * size + 1);
		must(name_encode(raw, strlen(raw), &w) == size && memcmp(w.bytes, bytes, size) == 0);
		writer_fini(&w);
	}
	free(raw);
}

static void encode_and_back(const char *bytes, size_t size)
{
	struct writer w;
	if (size == 0 || memchr(bytes, '\0', size) != NULL || memchr(bytes, '/', size) != NULL)
		return;
	writer_init(&w, 3 * size + 1);
	size_t len = name_encode(bytes, size, &w);
	char *back = malloc(len + 1);
	must(back != NULL && !w.failed && len >= size && memchr(w.bytes, ':', len) == NULL);
	must(name_decode((const char *)w.bytes, len, back) && strlen(back) == size && memcmp(back, bytes, size) == 0);
	free(back);
	writer_fini(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const char *text = (const char *)bytes;
	struct answer a;
	struct store_stat st;
	struct err e;
	bool yes = false;
	uint64_t n = 0;
	size_t seen = 0;
	answer_read(403, text, size, "SeCrEt", &a);
	must(a.kind != ANSWER_OK && strstr(a.text, "SeCrEt") == NULL && strchr(a.text, '\n') == NULL);
	(void)!answer_boolean(text, size, &yes, &e);
	(void)!answer_status(text, size, &st, &e);
	(void)!answer_space(text, size, &n, &e);
	enum rc rc = answer_listing(text, size, see, &seen, &n, &e);
	must(rc == RC_OK || rc == RC_AGAIN);
	decode_and_back(text, size);
	encode_and_back(text, size);
	return 0;
}
