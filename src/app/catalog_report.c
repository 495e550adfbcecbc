/* Looks with the same calls that a worker makes; what a worker would do about it is said instead of done. */
#include "app/catalog_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "pipe/datasets.h"
#include "pipe/registrar.h"

enum { TEXT = 1100, WHAT = 64, COUNT = 32 };

struct report {
	void (*say)(void *context, bool ok, const char *what, const char *text);
	void *context;
	struct catalog *catalog;
	struct store *store; /* NULL: the lake could not be opened, which has been told */
};

/* "12 partitions are registered, 3 would be" */
static enum rc show_partitions(
    const struct report *r, const struct catalog_table *t, char *out, size_t size, struct err *e)
{
	struct registrar_count n;
	char there[COUNT], made[COUNT];
	out[0] = '\0';
	if (r->store == NULL)
		return RC_OK;
	enum rc rc = registrar_compare(r->catalog, r->store, t, &n, e);
	if (rc == RC_OK)
		snprintf(out, size, "; %s of the lake's partitions registered, %s would be",
		    str_show_count(n.there, there, sizeof there), str_show_count(n.made, made, sizeof made));
	return rc;
}

static void report_table(const struct report *r, const struct catalog_table *t)
{
	struct err e;
	struct catalog_view view;
	char text[TEXT], what[WHAT], partitions[TEXT / 4] = "";
	snprintf(what, sizeof what, "catalog %.40s", t->schema->name);
	enum rc rc = catalog_describe(r->catalog, t, &view, &e);
	if (rc == RC_OK && view.match != CATALOG_OTHER)
		rc = show_partitions(r, t, partitions, sizeof partitions, &e);
	if (rc != RC_OK) {
		r->say(r->context, false, what, e.text);
		return;
	}
	switch (view.match) {
	case CATALOG_ABSENT:
		snprintf(text, sizeof text, "no table yet: %zu columns at %s with the first rows%s", t->schema->columns,
		    t->location, partitions);
		break;
	case CATALOG_SAME:
		snprintf(text, sizeof text, "the table is as the schema says%s%s%s", view.text[0] != '\0' ? "; " : "",
		    view.text, partitions);
		break;
	case CATALOG_SHORTER:
		snprintf(text, sizeof text, "%s: would be appended%s", view.text, partitions);
		break;
	case CATALOG_OTHER:
		snprintf(text, sizeof text, "%s", view.text);
		break;
	}
	r->say(r->context, view.match != CATALOG_OTHER, what, text);
}

void catalog_report(
    const struct settings *s, void (*say)(void *context, bool ok, const char *what, const char *text), void *context)
{
	struct err e, ignored;
	struct report r = {.say = say, .context = context};
	struct datasets d;
	char text[TEXT];
	bool there = false;
	if (s->catalog->idle)
		return;
	enum rc rc = datasets_catalog(s, NULL, &r.catalog, &e);
	if (rc == RC_OK)
		rc = catalog_reach(r.catalog, &there, &e);
	snprintf(text, sizeof text, "%s: %s", s->catalog_url,
	    rc != RC_OK ? e.text
	    : there     ? "answers, the database is there"
	                : "answers, the database would be made with the first rows");
	say(context, rc == RC_OK, "catalog", text);
	if (rc == RC_OK) {
		if (store_open(s->store, s->store_place, s->store_option, s->store_options, &r.store, &ignored) !=
		    RC_OK)
			r.store = NULL;
		datasets_init(&d, s);
		for (size_t i = 0; i < d.count; i++)
			report_table(&r, &d.table[i]);
		datasets_fini(&d);
	}
	store_close(&r.store);
	catalog_close(&r.catalog);
}
