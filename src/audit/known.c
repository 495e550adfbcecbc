/* What the ledger says, and what lies in the folders of the lake: the two readings that come first. */
#include "audit/work.h"

#include <string.h>
#include <unistd.h>

#include "audit/tree.h"
#include "base/file.h"
#include "base/mem.h"
#include "pipe/datasets.h"
#include "pipe/ledger.h"

struct reading {
	struct audit *audit;
	enum rc rc;
	struct err *e;
};

static bool see_original(void *context, const struct ledger_original *o)
{
	struct reading *r = context;
	struct audit *a = r->audit;
	struct named_original original = {.size = o->size, .source = audit_source(a, o->topic), .again = o->again};
	struct ident id = {.source = audit_source(a, o->topic), .again = o->again, .fact = IDENT_LEDGER};
	const struct outcome outcome = {
	    .commit = {.topic = names_add(&a->topics, o->topic, strlen(o->topic)), .partition = o->partition},
	    .state = (uint8_t)o->state,
	    .dataset = audit_dataset(a, o->path),
	    .rows = o->rows,
	    .rejects = o->rejects,
	    .lost = o->lost,
	    .size = o->size,
	    .path = o->path};
	memcpy(original.sha256, o->sha256, SHA256_BYTES);
	memcpy(id.sha256, o->sha256, SHA256_BYTES);
	r->rc = audit_add_path(a, o->path, PATH_LEDGER, &original, r->e);
	if (r->rc == RC_OK)
		r->rc = audit_add_ident(a, &id, &outcome, r->e);
	return r->rc == RC_OK;
}

/* One that holds nothing says nothing: it was lost, and the next start fills it. */
enum rc audit_ledger(struct audit *a, struct err *e)
{
	struct reading r = {.audit = a, .e = e};
	char *dir = file_join(a->settings->state, "ledger");
	enum rc rc = RC_OK;
	if (access(dir, F_OK) == 0) {
		rc = ledger_open(dir, a->settings->ledger_max_bytes, &a->ledger, e);
		a->result->ledger = rc == RC_OK && ledger_is_new(a->ledger) ? AUDIT_LEDGER_EMPTY : AUDIT_LEDGER_READ;
	}
	if (rc == RC_OK && a->result->ledger == AUDIT_LEDGER_READ)
		rc = ledger_each(a->ledger, see_original, &r, e);
	mem_free(&dir);
	return rc == RC_OK ? r.rc : rc;
}

static enum rc see_file(void *context, const char *path, const struct store_stat *st, struct err *e)
{
	const struct listed l = {st->size, st->modified_ns};
	return audit_add_path(context, path, PATH_LISTED, &l, e);
}

enum rc audit_folders(struct audit *a, struct err *e)
{
	static const char *const folder[] = {"hive", "rejects", "binary"};
	struct datasets d;
	enum rc rc = RC_OK;
	datasets_init(&d, a->settings);
	for (size_t i = 0; i < d.count && rc == RC_OK; i++) {
		for (size_t n = 0; n < sizeof folder / sizeof folder[0] && rc == RC_OK; n++) {
			char *root = mem_format("%s/%s", d.table[i].schema->name, folder[n]);
			rc = tree_walk(a->store, root, see_file, a, e);
			mem_free(&root);
		}
	}
	datasets_fini(&d);
	return rc;
}
