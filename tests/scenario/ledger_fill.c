/* A ledger as large as one wants, without the files: "ledger_fill DIR NUMBER" adds so many committed originals, half a
 * second apart. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "ext/hash.h"
#include "pipe/ledger.h"

enum { GROUP = 10000 };

static void put(struct ledger *l, int number, int of)
{
	char name[64], source[128], path[128];
	int64_t seen_ms = clock_wall().ns / 1000000 - (int64_t)(of - number) * 500;
	snprintf(name, sizeof name, "nfcapd.2025%08d", number);
	snprintf(source, sizeof source, "/var/spool/nfcapd/%s", name);
	snprintf(path, sizeof path, "flow/binary/20250114/09/%s", name);
	struct ledger_original o = {.state = LEDGER_COMMITTED,
	    .pipeline = "flow",
	    .name = name,
	    .source = source,
	    .path = path,
	    .topic = "edge.flow.rows",
	    .parts = 1,
	    .rows_event = true,
	    .dissector = "nfcapd/1",
	    .size = 20000 + (uint64_t)number,
	    .seen_ms = seen_ms,
	    .published_ms = seen_ms + 40,
	    .committed_ms = seen_ms + 300 + number % 400,
	    .rows = 400,
	    .note = ""};
	sha256_of(&number, sizeof number, o.sha256);
	ledger_put_original(l, &o);
}

int main(int argc, char **argv)
{
	struct err e;
	struct ledger *l = NULL;
	int number = argc == 3 ? atoi(argv[2]) : 0;
	enum rc rc = number > 0 ? ledger_open(argv[1], UINT64_C(16) << 30, &l, &e)
	                        : err_set(RC_BAD, &e, "ledger_fill DIR NUMBER");
	for (int from = 0; from < number && rc == RC_OK; from += GROUP) {
		rc = ledger_begin(l, &e);
		for (int i = from; rc == RC_OK && i < number && i < from + GROUP; i++)
			put(l, i, number);
		if (rc == RC_OK)
			rc = ledger_commit(l, &e);
	}
	ledger_close(&l);
	if (rc != RC_OK)
		fprintf(stderr, "ledger_fill: %s\n", e.text);
	return rc != RC_OK;
}
