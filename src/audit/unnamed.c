/* What lies in the lake and is named by nobody: left over, of another program, or of commits whose manifest is missing.
 */
#include "audit/paths.h"

#include <string.h>

#include "audit/content.h"
#include "audit/counting.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/compaction.h"
#include "pipe/footer.h"

enum { PATH_BYTES = 1024 };

static enum rc count_orphan(struct audit *a, struct orphan *o, uint64_t size, struct err *e)
{
	struct counting count = {.audit = a,
	    .rows = {.orphan = (uint32_t)(o - a->orphan), .dataset = audit_dataset(a, o->path)},
	    .fact = IDENT_ORPHAN};
	struct footer footer;
	enum rc rc = content_given(footer_read(a->store, o->path, size, &footer, e), e);
	if (rc != RC_OK)
		return rc;
	rc = counting_footer(&count, &footer, e);
	mem_free(&footer.bytes);
	return rc;
}

static enum rc see_orphan_line(void *context, const struct reject_line *line, struct err *e)
{
	return counting_add(context, line->sha256, 0, e);
}

static enum rc count_orphan_rejects(struct audit *a, struct orphan *o, struct err *e)
{
	struct counting count = {.audit = a,
	    .rows = {.orphan = (uint32_t)(o - a->orphan), .dataset = audit_dataset(a, o->path)},
	    .fact = IDENT_ORPHAN};
	uint32_t crc = 0;
	return content_given(content_rejects(a->store, &a->crc, o->path, see_orphan_line, &count, &crc, e), e);
}

/* A file of a compaction whose manifest is not there, or says nothing. */
static enum rc is_of_broken_hour(struct audit *a, const struct group *g, bool *is, struct err *e)
{
	char path[PATH_BYTES];
	int64_t hour = 0;
	uint64_t generation = 0;
	struct store_stat st;
	uint16_t dataset = audit_dataset(a, g->path);
	*is = false;
	if (!compaction_name_read(g->path, &hour, &generation))
		return RC_OK;
	*is = audit_broken_hour(a, dataset, hour);
	lake_compaction(path, sizeof path, names_text(&a->datasets, dataset), hour, generation);
	enum rc rc = *is ? RC_OK : store_stat(a->store, path, &st, e);
	if (rc != RC_END)
		return rc;
	*is = true;
	audit_find(a, FINDING_COMPACTION_MISSING, path, "files in the table say that it was there");
	audit_break_hour(a, dataset, hour);
	return RC_OK;
}

/*
 * Is it another program's? Its name is not one that we give, and no footer of ours is in it: a table file of ours under
 * another name has its rows in the table a second time.
 */
static enum rc is_of_others(struct audit *a, const struct group *g, bool *is, struct err *e)
{
	const char *label = NULL;
	size_t len = 0;
	uint64_t start = 0, end = 0;
	int64_t hour = 0;
	struct footer footer;
	*is = false;
	if (!a->settings->foreign_keep || g->taken)
		return RC_OK;
	if (compaction_name_read(g->path, &hour, &start))
		return RC_OK;
	if (chain_file_name(file_name(g->path), &label, &len, &start, &end) &&
	    chains_by_label(&a->chains, label, len) != NULL)
		return RC_OK;
	enum rc rc = footer_read(a->store, g->path, g->there.size, &footer, e);
	if (content_given(rc, e) != rc)
		return RC_OK; /* who knows */
	*is = rc == RC_BAD || (rc == RC_OK && footer.inspect.sources.at == NULL);
	if (rc == RC_OK)
		mem_free(&footer.bytes);
	if (*is) {
		a->result->others++;
		a->result->others_bytes += g->there.size;
	}
	return rc == RC_BAD || rc == RC_END ? RC_OK : rc;
}

enum rc unnamed_file(struct audit *a, const struct group *g, bool rejects, struct err *e)
{
	const char *label = NULL;
	size_t label_len = 0;
	uint64_t start = 0, end = 0;
	struct chain *c = NULL;
	bool broken = false, others = false;
	enum rc rc = rejects ? RC_OK : is_of_others(a, g, &others, e);
	if (rc == RC_OK && !g->taken && !others)
		rc = is_of_broken_hour(a, g, &broken, e);
	if (rc != RC_OK || broken || others)
		return rc;
	if (!g->taken && chain_file_name(file_name(g->path), &label, &label_len, &start, &end))
		c = chains_by_label(&a->chains, label, label_len);
	struct hole *h = c != NULL ? chain_infer(c, start, end) : NULL;
	if (h != NULL) {
		h->files++;
		return RC_OK;
	}
	if (a->orphans == a->orphan_capacity) {
		a->orphan_capacity = mem_grow(a->orphan_capacity, a->orphans + 1);
		a->orphan = mem_resize(a->orphan, a->orphan_capacity * sizeof *a->orphan);
	}
	struct orphan *o = &a->orphan[a->orphans++];
	*o = (struct orphan){.path = mem_text(g->path),
	    .rejects = rejects,
	    .taken = g->taken,
	    .old = audit_old(a, g->there.modified_ns),
	    .covered = true};
	rc = rejects ? count_orphan_rejects(a, o, e) : count_orphan(a, o, g->there.size, e);
	o->read = rc == RC_OK;
	return rc == RC_BAD || rc == RC_END ? RC_OK : rc;
}

static enum rc note_stray(struct audit *a, const struct group *g, struct err *e)
{
	struct ident id = {.source = NAMES_NONE, .again = UINT32_MAX, .fact = IDENT_STRAY};
	uint64_t size = 0;
	if (a->settings->foreign_keep) {
		a->result->others_originals++;
		return RC_OK;
	}
	if (!audit_old(a, g->there.modified_ns)) {
		a->result->young++;
		return RC_OK;
	}
	enum rc rc = content_given(content_sha256(a->store, g->path, id.sha256, &size, e), e);
	if (rc == RC_OK)
		return audit_add_ident(a, &id, g->path, e);
	if (rc == RC_BAD)
		audit_find(a, FINDING_ORIGINAL_UNKNOWN, g->path, "neither a manifest nor the ledger names it, and %s",
		    e->text);
	return rc == RC_BAD || rc == RC_END ? RC_OK : rc;
}

enum rc unnamed_path(struct audit *a, const struct group *g, struct err *e)
{
	const char *folder = strchr(g->path, '/');
	if (folder == NULL || !g->listed)
		return RC_OK;
	if (str_starts(folder, "/binary/"))
		return note_stray(a, g, e);
	return unnamed_file(a, g, str_starts(folder, "/rejects/"), e);
}
