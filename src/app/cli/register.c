/* sluice register: the catalog's tables and partitions made whole by hand, where no worker does it. */
#include "app/cli/cli.h"
#include "app/cli/register.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/setup.h"
#include "app/term.h"
#include "base/str.h"
#include "pipe/datasets.h"
#include "pipe/registrar.h"

enum { COUNT = 32 };

/* Says what it did, or why not. */
static enum rc one(struct catalog *c, struct store *store, const struct catalog_table *t, bool quiet)
{
	struct registrar_count n;
	struct err e;
	char made[COUNT], there[COUNT];
	enum rc rc = registrar_all(c, store, t, &n, &e);
	if (rc != RC_OK)
		complain("register: %s: %s", t->schema->name, e.text);
	else if (!quiet && !n.table)
		printf("%s: no rows in the lake, so no table\n", t->schema->name);
	else if (!quiet)
		printf("%s: %s partition%s registered, %s %s there\n", t->schema->name,
		    str_show_count(n.made, made, sizeof made), n.made == 1 ? "" : "s",
		    str_show_count(n.there, there, sizeof there), n.there == 1 ? "was" : "were");
	return rc == RC_OK && n.refused > 0 ? RC_BAD : rc;
}

bool register_all(const struct settings *s, bool quiet)
{
	struct err e;
	struct catalog *c = NULL;
	struct store *store = NULL;
	struct datasets d;
	bool well = true;
	enum rc rc = datasets_catalog(s, NULL, &c, &e);
	if (rc == RC_OK)
		rc = store_open(s->store, s->store_place, s->store_option, s->store_options, &store, &e);
	if (rc != RC_OK) {
		complain("register: %s", e.text);
		well = false;
	} else {
		datasets_init(&d, s);
		/* One that is away is away for the other tables too. */
		for (size_t i = 0; i < d.count && rc != RC_AGAIN; i++) {
			rc = one(c, store, &d.table[i], quiet);
			well &= rc == RC_OK;
		}
		datasets_fini(&d);
	}
	store_close(&store);
	catalog_close(&c);
	return well;
}

static enum status run(const struct args *a)
{
	struct err e;
	struct config *c = NULL;
	if (setup_config(a, &c, &e) != RC_OK) {
		complain("%s", e.text);
		return STATUS_USAGE;
	}
	enum status status = STATUS_USAGE;
	if (c->settings.catalog->idle) {
		complain("register: %s names no catalog: catalog: thrift://HOST:9083/DATABASE", setup_file(a));
	} else {
		setup_process(a, c, "register", true);
		status = register_all(&c->settings, args_has(a, "quiet")) ? STATUS_DONE : STATUS_BAD;
	}
	config_free(&c);
	return status;
}

static const struct option option[] = {
    OPTION_CONFIG,
    {"quiet", 'q', NULL, "print only what fails"},
    {0},
};

const struct command command_register = {
    .name = "register",
    .synopsis = "[-c FILE]",
    .summary = "Tell the catalog of every table and partition that the lake has",
    .details = "A worker does it by itself; this is for a metastore that was restored from an older backup, or a table "
               "that was dropped.\n"
               "May run at any time, beside workers too. Exit status 1 when something could not be registered.",
    .option = option,
    .run = run,
};
