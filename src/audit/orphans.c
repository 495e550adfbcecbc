/* Files that nobody names, and names that nobody has: one may be the other in a wrong place. */
#include "audit/work.h"

#include <stdlib.h>
#include <string.h>

#include "audit/content.h"
#include "base/file.h"

static int compare_names(const void *x, const void *y)
{
	return strcmp(file_name(((const struct gone *)x)->path), file_name(((const struct gone *)y)->path));
}

static int compare_name(const void *path, const void *y)
{
	return strcmp(file_name(path), file_name(((const struct gone *)y)->path));
}

/* The named file whose bytes lie under another folder. Nothing is believed of names alone. */
static enum rc home_of(struct audit *a, const struct orphan *o, struct gone **out, struct err *e)
{
	struct store_stat st;
	uint32_t crc = 0;
	struct gone *g = a->gones > 0 ? bsearch(o->path, a->gone, a->gones, sizeof *a->gone, compare_name) : NULL;
	*out = NULL;
	if (g == NULL || g->file.rejects != o->rejects)
		return RC_OK;
	enum rc rc = store_stat(a->store, o->path, &st, e);
	if (rc == RC_OK && st.size == g->file.size)
		rc = content_given(content_crc32(a->store, &a->crc, o->path, &crc, e), e);
	else if (rc == RC_OK)
		return RC_OK;
	if (rc == RC_OK && crc == g->file.crc32)
		*out = g;
	return rc == RC_BAD || rc == RC_END ? RC_OK : rc;
}

static enum rc move_home(struct audit *a, const struct orphan *o, const struct gone *g, struct err *e)
{
	enum finding_kind kind = o->rejects ? FINDING_REJECTS_MISPLACED : FINDING_TABLE_MISPLACED;
	const struct store_move move = {o->path, g->path};
	size_t done = 0;
	if (!a->options->repair)
		return RC_OK;
	if (a->options->dry_run) {
		audit_mended(a, kind, o->path, MEND_WOULD, "would move it to %s", g->path);
		return RC_OK;
	}
	enum rc rc = store_publish(a->store, &move, 1, &done, e);
	a->moved |= rc == RC_OK;
	if (rc == RC_OK)
		audit_mended(a, kind, o->path, MEND_DONE, "moved it to %s", g->path);
	else if (rc == RC_BAD || rc == RC_END)
		audit_mended(a, kind, o->path, MEND_LEFT, "%s", e->text);
	return rc == RC_BAD || rc == RC_END ? RC_OK : rc;
}

static enum rc remove_orphan(struct audit *a, const struct orphan *o, struct err *e)
{
	enum finding_kind kind = o->rejects ? FINDING_REJECTS_ORPHAN : FINDING_TABLE_ORPHAN;
	const char *path = o->path;
	const char *why = !o->read      ? "what it holds cannot be read"
	                  : !o->covered ? "no committed file holds what it holds"
	                  : !o->old     ? "it is younger than the grace"
	                                : NULL;
	if (!a->options->repair)
		return RC_OK;
	if (why != NULL) {
		audit_mended(a, kind, path, MEND_LEFT, "%s", why);
		return RC_OK;
	}
	if (a->options->dry_run) {
		audit_mended(a, kind, path, MEND_WOULD, "would remove it: committed files hold what it holds");
		return RC_OK;
	}
	enum rc rc = store_remove(a->store, &path, 1, e);
	if (rc == RC_OK)
		audit_mended(a, kind, path, MEND_DONE, "removed it: committed files hold what it holds");
	return rc;
}

static enum rc tell_orphan(struct audit *a, const struct orphan *o, struct err *e)
{
	struct gone *home = NULL;
	enum rc rc = home_of(a, o, &home, e);
	if (rc != RC_OK)
		return rc;
	if (home != NULL) {
		audit_find(a, o->rejects ? FINDING_REJECTS_MISPLACED : FINDING_TABLE_MISPLACED, o->path,
		    "its manifest says that it lies at %s", home->path);
		home->found = true;
		return move_home(a, o, home, e);
	}
	audit_find(a, o->rejects ? FINDING_REJECTS_ORPHAN : FINDING_TABLE_ORPHAN, o->path, "%s%s",
	    o->taken ? "a compaction took it" : "no manifest names it",
	    !o->read     ? ", and what it holds cannot be read"
	    : o->rejects ? ""
	    : o->covered ? "; its rows are in the table a second time"
	                 : "; its rows are in no committed file");
	return remove_orphan(a, o, e);
}

enum rc audit_orphans(struct audit *a, struct err *e)
{
	enum rc rc = RC_OK;
	if (a->gones > 1)
		qsort(a->gone, a->gones, sizeof *a->gone, compare_names);
	for (size_t i = 0; i < a->orphans && rc == RC_OK; i++)
		rc = tell_orphan(a, &a->orphan[i], e);
	for (size_t i = 0; i < a->gones && rc == RC_OK; i++)
		if (!a->gone[i].found && !audit_broken_hour(a, a->gone[i].file.dataset, a->gone[i].file.hour))
			audit_find(a, a->gone[i].file.rejects ? FINDING_REJECTS_MISSING : FINDING_TABLE_MISSING,
			    a->gone[i].path, "its manifest names it, and it is not there");
	return rc;
}
