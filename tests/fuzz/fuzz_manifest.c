/* Any bytes as a manifest or a history segment: what is taken whole is written and taken again. */
#include "pipe/lines.h"
#include "pipe/manifest.h"

#include "fuzz.h"

enum { CEILING = 64 << 20, TEXT_MAX = 16 << 20 };

static enum rc see_head(void *context, const struct manifest_head *h, struct err *e)
{
	must_end(h->topic, sizeof h->topic - 1);
	must_end(h->epoch, sizeof h->epoch - 1);
	if (context != NULL)
		manifest_begin(context, h);
	return RC_OK;
}

static enum rc see_file(void *context, const struct manifest_file *f, struct err *e)
{
	must_end(f->path, TEXT_MAX);
	must_end(f->staged, TEXT_MAX);
	must_end(f->dataset, TEXT_MAX);
	if (context != NULL)
		manifest_add_file(context, f);
	return RC_OK;
}

static enum rc see_original(void *context, const struct manifest_original *o, struct err *e)
{
	must_end(o->name, TEXT_MAX);
	must_end(o->path, TEXT_MAX);
	must_end(o->pipeline, TEXT_MAX);
	must_end(o->dissector, TEXT_MAX);
	must(o->counters == NULL || strlen(o->counters) <= TEXT_MAX);
	must(o->reason == NULL || strlen(o->reason) <= TEXT_MAX);
	if (context != NULL)
		manifest_add_original(context, o);
	return RC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const char *text = (const char *)bytes;
	struct writer out;
	struct manifest_visitor write = {&out, see_head, see_file, see_original};
	struct manifest_visitor look = {NULL, see_head, see_file, see_original};
	struct err e;
	size_t span = lines_span(text, size);
	must(span <= size);
	writer_init(&out, CEILING);
	enum rc rc = manifest_walk(text, size, &write, &e);
	must(rc == RC_OK || rc == RC_BAD);
	if (rc == RC_OK) {
		lines_end(&out);
		must(!out.failed && lines_span((const char *)out.bytes, out.len) == out.len);
		must(manifest_walk((const char *)out.bytes, out.len, &look, &e) == RC_OK);
	}
	if (span > 0 && span < size) {
		rc = manifest_walk(text, span, &look, &e);
		must(rc == RC_OK || rc == RC_BAD);
	}
	writer_fini(&out);
	return 0;
}
