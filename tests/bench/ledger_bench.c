/*
 * ledger_bench: what a file costs in the ledger, at a thousand, ten thousand, a hundred thousand and a million entries.
 *
 * Each file goes through its whole life (archived, published, committed) in groups of 250, as the collector does it.
 * Prints "name<TAB>microseconds<TAB>unit".
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "ext/hash.h"
#include "pipe/ledger.h"

enum { GROUP = 250, SAMPLE = 5000, MOST = 1000000 };

static void must(enum rc rc, const struct err *e)
{
	if (rc != RC_OK) {
		fprintf(stderr, "ledger_bench: %s\n", e->text);
		exit(1);
	}
}

static int64_t cpu_us(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static void put(struct ledger *l, int number, enum ledger_state state)
{
	char name[64], path[128];
	snprintf(name, sizeof name, "nfcapd.2026%08d", number);
	snprintf(path, sizeof path, "flow/binary/20260114/09/%s", name);
	struct ledger_original o = {.state = state,
	    .pipeline = "flow",
	    .name = name,
	    .source = name,
	    .path = path,
	    .topic = "edge.flow.rows",
	    .partition = 0,
	    .parts = 1,
	    .rows_event = true,
	    .dissector = "nfcapd/1",
	    .size = 20000,
	    .note = ""};
	sha256_of(&number, sizeof number, o.sha256);
	ledger_put_original(l, &o);
	struct ledger_path p = {.ino = (uint64_t)number, .size = 20000, .state = LEDGER_PATH_TAKEN};
	sha256_of(&number, sizeof number, p.sha256);
	if (state == LEDGER_ARCHIVED)
		ledger_put_path(l, "flow", name, &p);
}

static void live(struct ledger *l, int from, int to, struct err *e)
{
	for (int start = from; start < to; start += GROUP)
		for (enum ledger_state state = LEDGER_ARCHIVED; state <= LEDGER_COMMITTED; state++) {
			must(ledger_begin(l, e), e);
			for (int i = start; i < start + GROUP && i < to; i++)
				put(l, i, state);
			must(ledger_commit(l, e), e);
		}
}

int main(void)
{
	static const int sizes[] = {1000, 10000, 100000, MOST - SAMPLE};
	char dir[] = "/var/tmp/sluice-ledger-XXXXXX";
	struct err e;
	struct ledger *l;
	if (mkdtemp(dir) == NULL)
		return 1;
	must(ledger_open(dir, UINT64_C(8) << 30, &l, &e), &e);
	int have = 0;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		live(l, have, sizes[i], &e);
		int64_t cpu = cpu_us(), wall = clock_mono_ns();
		live(l, sizes[i], sizes[i] + SAMPLE, &e);
		have = sizes[i] + SAMPLE;
		printf("ledger CPU a file at %d entries\t%.2f\tus\n", sizes[i], (double)(cpu_us() - cpu) / SAMPLE);
		printf("ledger wall a file at %d entries\t%.2f\tus\n", sizes[i],
		    (double)(clock_mono_ns() - wall) / 1e3 / SAMPLE);
	}
	ledger_close(&l);
	must(file_remove_tree(dir, &e), &e);
	return 0;
}
