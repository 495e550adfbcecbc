/* Any bytes as a report out of an event's header: what is taken is written and read again the same. */
#include "pipe/report.h"

#include "dissect/nfcapd/nfcapd.h"
#include "fuzz.h"

enum { CEILING = 32 << 20 };

static void must_same(const struct report *x, const struct report *y)
{
	must(x->rows == y->rows && x->rejects == y->rejects && x->lost == y->lost && x->outside == y->outside);
	must(x->clean == y->clean && x->silent == y->silent && strcmp(x->reason, y->reason) == 0);
	must(memcmp(x->counter, y->counter, sizeof x->counter) == 0 && x->entries.len == y->entries.len);
	must(x->entries.len == 0 || memcmp(x->entries.bytes, y->entries.bytes, x->entries.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct report r, again;
	struct writer text;
	struct err e;
	report_init(&r, &dissect_nfcapd);
	report_init(&again, &dissect_nfcapd);
	writer_init(&text, CEILING);
	enum rc rc = report_read(&r, (const char *)bytes, size, &e);
	must(rc == RC_OK || rc == RC_BAD);
	must(r.entries.len <= REPORT_ENTRIES_MAX);
	if (rc == RC_OK) {
		must_end(r.reason, sizeof r.reason - 1);
		report_write(&r, &text);
		must(!text.failed && report_read(&again, (const char *)text.bytes, text.len, &e) == RC_OK);
		must_same(&r, &again);
	}
	writer_fini(&text);
	report_fini(&again);
	report_fini(&r);
	return 0;
}
