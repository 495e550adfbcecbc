/* Claims that are done and old go when their file has gone; everything else stays. */
#include "pipe/claim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { KEEP_MS = 60000 };

struct place {
	char dir[64];
	struct store *store;
	struct ledger *ledger;
	struct pipeline pipeline;
	struct settings settings;
};

static int set_up(void **state)
{
	struct place *p = mem_zero(1, sizeof *p);
	struct err e;
	char *lake, *ledger;
	strcpy(p->dir, "/tmp/sluice-claim-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	lake = file_join(p->dir, "lake");
	ledger = file_join(p->dir, "ledger");
	assert_int_equal(store_open(&store_local, lake, NULL, 0, &p->store, &e), RC_OK);
	assert_int_equal(ledger_open(ledger, 64 << 20, &p->ledger, &e), RC_OK);
	mem_free(&lake);
	mem_free(&ledger);
	p->pipeline.name = "flow";
	p->settings.pipeline = &p->pipeline;
	p->settings.pipelines = 1;
	p->settings.claim_shared = 1;
	p->settings.claim_keep_ms = KEEP_MS;
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	struct err e;
	store_close(&p->store);
	ledger_close(&p->ledger);
	assert_int_equal(file_remove_tree(p->dir, &e), RC_OK);
	mem_free(&p);
	return 0;
}

static void touch(const char *path)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
}

/* One original in the state and of the age, its claim done, its source at a path that is there or not. */
static void original(struct place *p, uint8_t number, enum ledger_state state, int64_t age_ms, const char *source)
{
	struct ledger_original o = {.state = state,
	    .pipeline = "flow",
	    .name = "a",
	    .source = source,
	    .path = "flow/binary/a",
	    .topic = "edge.flow.rows",
	    .parts = 1,
	    .dissector = "nfcapd/1",
	    .committed_ms = clock_wall().ns / 1000000 - age_ms,
	    .note = ""};
	struct err e;
	char claim[CLAIM_PATH];
	memset(o.sha256, number, sizeof o.sha256);
	assert_int_equal(ledger_begin(p->ledger, &e), RC_OK);
	ledger_put_original(p->ledger, &o);
	assert_int_equal(ledger_commit(p->ledger, &e), RC_OK);
	claim_path(claim, "flow", o.sha256, true);
	assert_int_equal(store_put_if_absent(p->store, claim, "{}", 2, &e), RC_OK);
}

/* The same content was met under this path too. */
static void second_path(struct place *p, uint8_t number, const char *path)
{
	struct ledger_path looks = {.state = LEDGER_PATH_DOUBLE, .taken = true, .note = ""};
	struct err e;
	memset(looks.sha256, number, sizeof looks.sha256);
	assert_int_equal(ledger_begin(p->ledger, &e), RC_OK);
	ledger_put_path(p->ledger, "flow", path, &looks);
	assert_int_equal(ledger_commit(p->ledger, &e), RC_OK);
}

static bool claimed(struct place *p, uint8_t number)
{
	uint8_t sha256[SHA256_BYTES];
	char claim[CLAIM_PATH];
	struct store_stat st;
	struct err e;
	memset(sha256, number, sizeof sha256);
	claim_path(claim, "flow", sha256, true);
	enum rc rc = store_stat(p->store, claim, &st, &e);
	assert_true(rc == RC_OK || rc == RC_END);
	return rc == RC_OK;
}

static void clean(struct place *p)
{
	struct err e;
	for (unsigned folder = 0; folder < CLAIM_FOLDERS; folder++)
		assert_int_equal(claim_clean(&p->settings, p->store, p->ledger, folder, &e), RC_OK);
}

static void old_claims_of_files_that_are_gone_go(void **state)
{
	struct place *p = *state;
	char *here = file_join(p->dir, "here"), *gone = file_join(p->dir, "gone");
	char *below = file_join(here, "below"); /* ENOTDIR */
	char far[1000] = "";
	touch(here);
	original(p, 0x00, LEDGER_COMMITTED, 2 * KEEP_MS, gone);
	original(p, 0x11, LEDGER_REFUSED, 2 * KEEP_MS, gone);
	original(p, 0xff, LEDGER_COMMITTED, 2 * KEEP_MS, below);
	original(p, 0x22, LEDGER_COMMITTED, KEEP_MS / 2, gone);
	original(p, 0x33, LEDGER_PUBLISHED, 2 * KEEP_MS, gone);
	original(p, 0x44, LEDGER_COMMITTED, 2 * KEEP_MS, here);
	original(p, 0x55, LEDGER_COMMITTED, 2 * KEEP_MS, gone);
	second_path(p, 0x55, here);
	original(p, 0x66, LEDGER_COMMITTED, 2 * KEEP_MS, gone);
	second_path(p, 0x66, gone);
	memset(far, 'x', sizeof far - 1); /* longer than the ledger can say */
	original(p, 0xaa, LEDGER_COMMITTED, 2 * KEEP_MS, gone);
	second_path(p, 0xaa, far);
	original(p, 0x77, LEDGER_COMMITTED, 2 * KEEP_MS, ""); /* out of a rebuilt ledger */
	clean(p);
	assert_false(claimed(p, 0x00) || claimed(p, 0x11) || claimed(p, 0xff) || claimed(p, 0x66));
	assert_true(claimed(p, 0x22) && claimed(p, 0x33) && claimed(p, 0x44) && claimed(p, 0x55));
	assert_true(claimed(p, 0x77) && claimed(p, 0xaa));
	assert_int_equal(unlink(here), 0);
	clean(p);
	assert_false(claimed(p, 0x44) || claimed(p, 0x55));
	mem_free(&here);
	mem_free(&gone);
	mem_free(&below);
}

/* Of another instance, which alone knows what became of it. */
static void claims_that_our_ledger_does_not_know_stay(void **state)
{
	struct place *p = *state;
	uint8_t sha256[SHA256_BYTES];
	char claim[CLAIM_PATH];
	struct err e;
	memset(sha256, 0x88, sizeof sha256);
	claim_path(claim, "flow", sha256, true);
	assert_int_equal(store_put_if_absent(p->store, claim, "{}", 2, &e), RC_OK);
	assert_int_equal(store_put_if_absent(p->store, "_sluice/claims/flow/done/88/other", "x", 1, &e), RC_OK);
	clean(p);
	assert_true(claimed(p, 0x88));
}

/* Several pages of one folder, of which every second claim goes. */
static void a_full_folder_is_cleaned_to_its_end(void **state)
{
	struct place *p = *state;
	enum { COUNT = 2500 };
	char *here = file_join(p->dir, "here"), *gone = file_join(p->dir, "gone");
	struct err e;
	char **name = NULL;
	size_t count = 0;
	touch(here);
	assert_int_equal(ledger_begin(p->ledger, &e), RC_OK);
	for (unsigned i = 0; i < COUNT; i++) {
		struct ledger_original o = {.state = LEDGER_COMMITTED,
		    .pipeline = "flow",
		    .name = "a",
		    .source = i % 2 ? here : gone,
		    .path = "flow/binary/a",
		    .topic = "edge.flow.rows",
		    .dissector = "nfcapd/1",
		    .note = ""};
		char claim[CLAIM_PATH];
		memset(o.sha256, 0x99, sizeof o.sha256);
		memcpy(o.sha256 + 1, &i, sizeof i);
		ledger_put_original(p->ledger, &o);
		claim_path(claim, "flow", o.sha256, true);
		assert_int_equal(store_put_if_absent(p->store, claim, "{}", 2, &e), RC_OK);
	}
	assert_int_equal(ledger_commit(p->ledger, &e), RC_OK);
	assert_int_equal(claim_clean(&p->settings, p->store, p->ledger, 0x99, &e), RC_OK);
	assert_int_equal(
	    store_list(p->store, "_sluice/claims/flow/done/99", NULL, 2 * COUNT, &name, &count, &e), RC_OK);
	assert_int_equal(count, COUNT / 2);
	store_list_free(&name, count);
	mem_free(&here);
	mem_free(&gone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(old_claims_of_files_that_are_gone_go, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(claims_that_our_ledger_does_not_know_stay, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_full_folder_is_cleaned_to_its_end, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
