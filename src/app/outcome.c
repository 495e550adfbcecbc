/* The collector returns counts; people and scripts need names. They are in the ledger. */
#include "app/outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/term.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/ledger.h"

enum { NAMES_MAX = 100, TEXT = 40 };

struct naming {
	const struct outcome_params *p;
	uint64_t named, more;
};

static void name_one(struct naming *n, const char *path, const char *why)
{
	char shown[4 * 1024 + 1];
	if (n->named >= NAMES_MAX) {
		n->more++;
		return;
	}
	size_t len = strlen(path) < 1024 ? strlen(path) : 1024;
	str_escape(path, len, shown);
	fprintf(stderr, "%s: %s\n", shown, why);
	n->named++;
}

static bool is_ours(const struct outcome_params *p, const struct ledger_original *o)
{
	return o->seen_ms >= p->began_ms || o->committed_ms >= p->began_ms;
}

static bool see_original(void *context, const struct ledger_original *o)
{
	struct naming *n = context;
	char why[256];
	if (!is_ours(n->p, o))
		return true;
	if (o->state == LEDGER_REFUSED) {
		name_one(n, o->source, o->note != NULL && o->note[0] != '\0' ? o->note : "refused");
	} else if (o->state == LEDGER_COMMITTED && o->rejects > 0) {
		snprintf(why, sizeof why, "committed with %" PRIu64 " reject%s, at least %" PRIu64 " row%s lost",
		    o->rejects, o->rejects == 1 ? "" : "s", o->lost, o->lost == 1 ? "" : "s");
		name_one(n, o->source, why);
	} else if (n->p->committed && (o->state == LEDGER_ARCHIVED || o->state == LEDGER_PUBLISHED)) {
		name_one(n, o->source, "not committed yet");
	}
	return true;
}

static bool see_aside(void *context, const char *pipeline, const char *path, const struct ledger_path *p)
{
	struct naming *n = context;
	name_one(n, path, p->note != NULL ? p->note : "set aside");
	return true;
}

static enum rc open_ledger(const struct settings *s, struct ledger **out, struct err *e)
{
	char *dir = file_join(s->state, "ledger");
	enum rc rc = ledger_open(dir, s->ledger_max_bytes, out, e);
	mem_free(&dir);
	return rc;
}

/* Text is borrowed until the next call, so each is printed as it comes. */
static void name_all(const struct settings *s, const struct collector_result *r, const struct outcome_params *p)
{
	struct err e;
	struct naming n = {.p = p};
	struct ledger *l = NULL;
	enum rc rc = open_ledger(s, &l, &e);
	if (rc == RC_OK)
		rc = ledger_each(l, see_original, &n, &e);
	if (rc == RC_OK && r->aside > 0)
		rc = ledger_each_aside(l, see_aside, &n, &e);
	if (rc != RC_OK)
		complain("%s: %s", p->what, e.text);
	if (n.more > 0)
		fprintf(stderr, "and %" PRIu64 " more; sluice status lists what is set aside\n", n.more);
	ledger_close(&l);
}

struct counting {
	const struct outcome_params *p;
	struct collector_result *r;
};

static bool count_original(void *context, const struct ledger_original *o)
{
	const struct counting *c = context;
	if (!is_ours(c->p, o))
		return true;
	c->r->files++;
	if (o->state != LEDGER_COMMITTED && o->state != LEDGER_REFUSED)
		return true;
	c->r->committed += o->state == LEDGER_COMMITTED;
	c->r->refused += o->state == LEDGER_REFUSED;
	c->r->rows += o->rows;
	c->r->rejects += o->rejects;
	return true;
}

static bool count_aside(void *context, const char *pipeline, const char *path, const struct ledger_path *p)
{
	const struct counting *c = context;
	c->r->files++;
	c->r->aside++;
	return true;
}

/* What all processes of the run came to. Nobody knows when a file was set aside: better an old one than none. */
static enum rc count_all(
    const struct settings *s, const struct outcome_params *p, struct collector_result *r, struct err *e)
{
	struct counting c = {p, r};
	struct ledger *l = NULL;
	*r = (struct collector_result){
	    .files = r->doubled, .doubled = r->doubled, .nulls = r->nulls, .missing = r->missing};
	enum rc rc = open_ledger(s, &l, e);
	if (rc == RC_OK)
		rc = ledger_each(l, count_original, &c, e);
	if (rc == RC_OK)
		rc = ledger_each_aside(l, count_aside, &c, e);
	ledger_close(&l);
	return rc;
}

static void summary(const struct collector_result *r, const struct outcome_params *p)
{
	char files[TEXT], rows[TEXT], took[TEXT], text[TEXT];
	printf("%s: %s file%s, %s committed", p->what, str_show_count(r->files, files, sizeof files),
	    r->files == 1 ? "" : "s", str_show_count(r->committed, text, sizeof text));
	if (r->doubled > 0)
		printf(", %s known already", str_show_count(r->doubled, text, sizeof text));
	if (r->refused > 0)
		printf(", %s refused", str_show_count(r->refused, text, sizeof text));
	if (r->aside > 0)
		printf(", %s set aside", str_show_count(r->aside, text, sizeof text));
	if (r->missing > 0)
		printf(", %u watched folder%s not there", r->missing, r->missing == 1 ? " is" : "s are");
	printf("; %s row%s", str_show_count(r->rows, rows, sizeof rows), r->rows == 1 ? "" : "s");
	if (r->rejects > 0)
		printf(", %s reject%s", str_show_count(r->rejects, text, sizeof text), r->rejects == 1 ? "" : "s");
	if (r->nulls > 0)
		printf(
		    ", %s value%s became null", str_show_count(r->nulls, text, sizeof text), r->nulls == 1 ? "" : "s");
	printf("; %s\n", str_show_ms(p->took_ms, took, sizeof took));
}

static void summary_json(const struct collector_result *r, const struct outcome_params *p)
{
	printf("{\"files\":%" PRIu64 ",\"committed\":%" PRIu64 ",\"doubled\":%" PRIu64 ",\"refused\":%" PRIu64
	       ",\"aside\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"rejects\":%" PRIu64 ",\"nulls\":%" PRIu64
	       ",\"missing\":%u,\"ms\":%" PRId64 "}\n",
	    r->files, r->committed, r->doubled, r->refused, r->aside, r->rows, r->rejects, r->nulls, r->missing,
	    p->took_ms);
}

enum status outcome_show(const struct settings *s, const struct collector_result *own, const struct outcome_params *p)
{
	struct collector_result all = *own;
	const struct collector_result *r = &all;
	struct err e;
	if (p->restarted && count_all(s, p, &all, &e) != RC_OK) {
		complain("%s: %s", p->what, e.text);
		return STATUS_BAD;
	}
	bool bad = r->refused > 0 || r->aside > 0 || r->rejects > 0;
	if (bad)
		name_all(s, r, p);
	bad |= r->missing > 0; /* the log has named them */
	if (p->json)
		summary_json(r, p);
	else if (!p->quiet)
		summary(r, p);
	return bad ? STATUS_BAD : STATUS_DONE;
}
