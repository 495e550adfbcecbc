/* Any bytes as the footer of a Parquet file: what is found lies within them. */
#include "format/parquet/inspect.h"

#include "fuzz.h"

static void within(struct inspect_text t, const uint8_t *bytes, size_t size)
{
	must(t.at == NULL || ((const uint8_t *)t.at >= bytes && (const uint8_t *)t.at + t.len <= bytes + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct inspect in;
	struct err e;
	size_t length = 0;
	enum rc rc = inspect_footer(bytes, size, &in, &e);
	must(rc == RC_OK || rc == RC_BAD);
	if (rc == RC_OK) {
		within(in.sources, bytes, size);
		within(in.dissector, bytes, size);
		within(in.created_by, bytes, size);
		must(in.columns <= size && in.groups <= size);
	}
	if (size >= INSPECT_TAIL && inspect_length(bytes + size - INSPECT_TAIL, size, &length, &e) == RC_OK)
		must(length + INSPECT_HEAD + INSPECT_TAIL <= size);
	return 0;
}
