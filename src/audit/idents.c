/*
 * Everything that was said of one original, put together: what the ledger, the manifests, the footers of table files
 * and the rejects files say of its rows must be the same, and it must have been committed once.
 *
 * Rows are compared per sha256 and dataset, because a footer knows no more; all else per identity.
 */
#include "audit/work.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "pipe/ledger.h"
#include "pipe/manifest.h"

struct identity {
	bool any, ledger;
	struct ident id;
	struct outcome in_ledger, in_manifest; /* paths are ours */
	uint64_t manifests;
	struct commit_id second;
	struct reject_lines rejects;
};

struct table_rows { /* of one sha256 in one dataset */
	uint16_t dataset;
	uint64_t wanted, found;
	bool committed, excused, twice;
};

struct digest {
	bool any, known;
	uint8_t sha256[SHA256_BYTES];
	char *path; /* of one of its originals */
	struct identity one;
	/* What the identity before it says of rejects, until it is known whether a replay came after it. */
	uint16_t source;
	uint64_t rejects, lost;
	struct table_rows *table;
	size_t tables, capacity;
};

static struct table_rows *table_of(struct digest *d, uint16_t dataset)
{
	for (size_t i = 0; i < d->tables; i++)
		if (d->table[i].dataset == dataset)
			return &d->table[i];
	if (d->tables == d->capacity) {
		d->capacity = mem_grow(d->capacity, d->tables + 1);
		d->table = mem_resize(d->table, d->capacity * sizeof *d->table);
	}
	d->table[d->tables] = (struct table_rows){.dataset = dataset};
	return &d->table[d->tables++];
}

static void show_commit(const struct audit *a, const struct commit_id *c, char out[320])
{
	snprintf(out, 320, "%s/%u at %" PRIu64, names_text(&a->topics, c->topic), c->partition, c->start);
}

/* The pipeline that is configured here, so that our ledger must know it; NULL: another's. */
static const struct pipeline *ours(const struct audit *a, uint16_t source)
{
	const char *text = names_text(&a->sources, source);
	size_t len = strlen(text);
	for (size_t i = 0; i < a->settings->pipelines; i++) {
		const char *topic = a->settings->pipeline[i].topic_files;
		if (strncmp(topic, text, len) == 0 && strcmp(topic + len, ".files") == 0)
			return &a->settings->pipeline[i];
	}
	return NULL;
}

/* The ledger was read first: what was archived and committed meanwhile is known to it by now. */
static bool known_now(struct audit *a, const struct pipeline *p, const struct ident *id)
{
	struct ledger_original o;
	struct err ignored;
	return ledger_original(a->ledger, p->name, id->sha256, id->again, &o, &ignored) == RC_OK;
}

/* Known to the ledger alone. Where manifests are missing, it belongs to what is missing there. */
static void check_uncommitted(struct audit *a, const struct identity *i)
{
	const struct outcome *l = &i->in_ledger;
	if (l->state == LEDGER_ARCHIVED || l->state == LEDGER_PUBLISHED) {
		a->result->waiting++;
		return;
	}
	if (l->state == LEDGER_REFUSED && l->rejects == 0) {
		a->result->given_up++;
		return;
	}
	struct chain *c = chains_find(&a->chains, l->commit.topic, l->commit.partition);
	if (c != NULL && c->holes > 0)
		c->hole[0].originals++;
	else
		audit_find(a, FINDING_LEDGER_AHEAD, l->path, "the ledger says it was %s, no manifest names it",
		    l->state == LEDGER_REFUSED ? "refused" : "committed");
}

static void check_ledger(struct audit *a, const struct identity *i)
{
	const struct outcome *l = &i->in_ledger, *m = &i->in_manifest;
	/* A replay is in the lake alone. */
	if (a->result->ledger != AUDIT_LEDGER_READ || i->id.again >= MANIFEST_REPLAY)
		return;
	const struct pipeline *p = ours(a, i->id.source);
	if (p == NULL) {
		a->result->foreign++;
		return;
	}
	if (!i->ledger) {
		if (!known_now(a, p, &i->id))
			audit_find(
			    a, FINDING_LEDGER_LACKS, m->path, "it is committed, and the ledger does not know it");
		return;
	}
	/* A manifest that the ledger has not seen yet. */
	if (l->state == LEDGER_ARCHIVED || l->state == LEDGER_PUBLISHED)
		return;
	if (l->rows != m->rows || l->rejects != m->rejects || l->lost != m->lost || l->state != m->state ||
	    l->size != m->size)
		audit_find(a, FINDING_LEDGER_DIFFERS, m->path,
		    "rows, rejects, rows lost, bytes: %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64
		    " in the ledger, %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 " in its manifest",
		    l->rows, l->rejects, l->lost, l->size, m->rows, m->rejects, m->lost, m->size);
	else if (strcmp(l->path, m->path) != 0)
		audit_find(a, FINDING_LEDGER_DIFFERS, m->path, "the ledger says that it lies at %s", l->path);
}

static void check_rejects(struct audit *a, const struct identity *i)
{
	const struct outcome *m = &i->in_manifest;
	const struct reject_lines *r = &i->rejects;
	if (commit_set_has(&a->excused, &m->commit) || commit_set_has(&a->silent, &m->commit) || i->manifests > 1)
		return;
	if (r->rejects != m->rejects || r->lost > m->lost || (r->lost < m->lost && !r->silent))
		audit_find(a, FINDING_REJECTS_DIFFER, m->path,
		    "%" PRIu64 " rejects with %" PRIu64 " rows lost in its rejects file, %" PRIu64 " with %" PRIu64
		    " in its manifest",
		    r->rejects, r->lost, m->rejects, m->lost);
}

/* A replay tells of an original anew: what was told of it before, by its pipeline, is past. Identities of a source come
 * in the order of `again`, replays last. */
static void settle(struct audit *a, struct digest *d, const struct identity *i)
{
	if (d->source != i->id.source)
		d->rejects = d->lost = 0;
	if (i->id.again >= MANIFEST_REPLAY) {
		a->result->settled += d->rejects;
		a->result->settled_lost += d->lost;
		d->rejects = d->lost = 0;
	}
	d->source = i->id.source;
	d->rejects += i->in_manifest.rejects;
	d->lost += i->in_manifest.lost;
}

static void check_committed(struct audit *a, struct digest *d, const struct identity *i)
{
	const struct outcome *m = &i->in_manifest;
	struct table_rows *t = table_of(d, m->dataset);
	if (i->id.again >= MANIFEST_REPLAY)
		a->result->replays++;
	else
		a->result->originals++;
	settle(a, d, i);
	t->committed = true;
	t->wanted += m->rows;
	t->twice |= i->manifests > 1;
	t->excused |=
	    commit_set_has(&a->excused, &m->commit) || (i->manifests > 1 && commit_set_has(&a->excused, &i->second));
	if (i->manifests > 1) {
		char first[320], second[320];
		show_commit(a, &m->commit, first);
		show_commit(a, &i->second, second);
		audit_find(a, FINDING_COMMITTED_TWICE, m->path, "by the commits of %s and of %s", first, second);
	}
	check_ledger(a, i);
	check_rejects(a, i);
}

static void end_identity(struct audit *a, struct digest *d)
{
	struct identity *i = &d->one;
	const char *path = i->manifests > 0 ? i->in_manifest.path : i->in_ledger.path;
	if (i->any && d->path == NULL && path != NULL)
		d->path = mem_text(path);
	if (i->any && i->manifests > 0)
		check_committed(a, d, i);
	else if (i->any && i->ledger)
		check_uncommitted(a, i);
	else if (i->any && i->rejects.rejects > 0 && !commit_set_has(&a->excused, &i->rejects.commit)) {
		char hex[SHA256_TEXT], commit[320];
		str_hex(d->sha256, SHA256_BYTES, hex);
		show_commit(a, &i->rejects.commit, commit);
		audit_find(a, FINDING_REJECTS_DIFFER, hex,
		    "the rejects of the commit of %s name it, its manifest does not", commit);
	}
	mem_release((void *)i->in_ledger.path);
	mem_release((void *)i->in_manifest.path);
	*i = (struct identity){.any = false};
}

static void end_digest(struct audit *a, struct digest *d)
{
	end_identity(a, d);
	for (size_t i = 0; i < d->tables; i++) {
		const struct table_rows *t = &d->table[i];
		char hex[SHA256_TEXT];
		str_hex(d->sha256, SHA256_BYTES, hex);
		if (t->found == t->wanted || t->twice || (t->excused && t->found < t->wanted))
			continue;
		audit_find(a, FINDING_ROWS_DIFFER, d->path != NULL ? d->path : hex,
		    "%" PRIu64 " rows in table files of %s, %" PRIu64 " in manifests", t->found,
		    names_text(&a->datasets, t->dataset), t->wanted);
	}
	mem_free(&d->path);
	d->tables = 0;
	d->rejects = d->lost = 0;
	d->any = d->known = false;
}

/* What an orphan holds is covered if the tables have it all from committed files. */
static void see_orphan(struct audit *a, struct digest *d, const struct rows_of *rows)
{
	const struct table_rows *t = table_of(d, rows->dataset);
	struct orphan *o = &a->orphan[rows->orphan];
	o->covered &= t->committed && !t->excused && !t->twice && t->found == t->wanted;
}

/* Holes of chains explain an original that nobody names, where no ledger can. */
static bool has_holes(const struct audit *a)
{
	for (size_t i = 0; i < a->chains.count; i++)
		if (a->chains.at[i].holes > 0)
			return true;
	return false;
}

static void see_stray(struct audit *a, const struct digest *d, const char *path)
{
	if (d->known)
		a->result->copies++;
	else if (a->result->ledger != AUDIT_LEDGER_READ && has_holes(a))
		a->result->young++;
	else
		audit_find(a, FINDING_ORIGINAL_UNKNOWN, path, "neither a manifest nor the ledger names it");
}

static void set_outcome(struct outcome *to, const struct sorter_record *r)
{
	fact_outcome_read(r, to);
	to->path = mem_text(to->path);
}

static void add(struct audit *a, struct digest *d, const struct ident *id, const struct sorter_record *r)
{
	struct identity *i = &d->one;
	struct reject_lines lines;
	struct rows_of rows;
	struct outcome more;
	switch (id->fact) {
	case IDENT_LEDGER:
		i->ledger = d->known = true;
		set_outcome(&i->in_ledger, r);
		break;
	case IDENT_MANIFEST:
		d->known = true;
		if (i->manifests++ == 0) {
			set_outcome(&i->in_manifest, r);
		} else {
			fact_outcome_read(r, &more);
			i->second = more.commit;
		}
		break;
	case IDENT_REJECTS:
		fact_rejects_read(r, &lines);
		i->rejects.commit = lines.commit;
		i->rejects.rejects += lines.rejects;
		i->rejects.lost += lines.lost;
		i->rejects.silent |= lines.silent;
		break;
	case IDENT_ROWS:
		fact_rows_read(r, &rows);
		table_of(d, rows.dataset)->found += rows.rows;
		break;
	case IDENT_ORPHAN:
		fact_rows_read(r, &rows);
		see_orphan(a, d, &rows);
		break;
	case IDENT_STRAY:
		see_stray(a, d, fact_stray_read(r));
		break;
	}
}

/* Rows, orphans and strays come after every identity of their digest. */
enum rc audit_idents(struct audit *a, struct err *e)
{
	struct digest d = {.any = false};
	struct sorter_record r;
	uint64_t count = 0;
	commit_set_sort(&a->excused);
	enum rc rc = sorter_done(a->idents, e);
	while (rc == RC_OK && (rc = sorter_next(a->idents, &r, e)) == RC_OK) {
		struct ident id;
		fact_ident_read(&r, &id);
		if (!d.any || memcmp(d.sha256, id.sha256, SHA256_BYTES) != 0) {
			if (d.any)
				end_digest(a, &d);
			memcpy(d.sha256, id.sha256, SHA256_BYTES);
			d.any = true;
			if (a->options->progress != NULL && ++count % 10000 == 0)
				a->options->progress(a->options->context, "originals", count);
		}
		if (!d.one.any || d.one.id.source != id.source || d.one.id.again != id.again) {
			end_identity(a, &d);
			d.one.any = true;
			d.one.id = id;
		}
		add(a, &d, &id, &r);
	}
	if (d.any)
		end_digest(a, &d);
	mem_free(&d.table);
	return rc == RC_END ? RC_OK : rc;
}
