/*
 * Everything that was said of one path, put together: is what a manifest or the ledger names there, and is it what they
 * say? Is what lies there named? What files say of originals goes on to the next step.
 */
#include "audit/paths.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/content.h"
#include "audit/counting.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/compaction.h"
#include "pipe/footer.h"

enum { PATH_BYTES = 1024, SECONDS_PER_HOUR = 3600, NS_PER_MS = 1000000 };

struct kinds {
	enum finding_kind missing, unpublished, damaged;
};

static const struct kinds table_kinds = {FINDING_TABLE_MISSING, FINDING_TABLE_UNPUBLISHED, FINDING_TABLE_DAMAGED};
static const struct kinds rejects_kinds = {
    FINDING_REJECTS_MISSING, FINDING_REJECTS_UNPUBLISHED, FINDING_REJECTS_DAMAGED};

static void group_fini(struct group *g)
{
	mem_free(&g->path);
	mem_release((void *)g->named.staged);
	holders_fini(&g->holders);
	*g = (struct group){.path = NULL};
}

/* RC_END: it is not there. */
static enum rc look(struct audit *a, const char *path, struct listed *out, struct err *e)
{
	struct store_stat st;
	enum rc rc = store_stat(a->store, path, &st, e);
	if (rc == RC_OK)
		*out = (struct listed){st.size, st.modified_ns};
	return rc;
}

/* Where files are. */

static void note_gone(struct audit *a, const struct group *g)
{
	if (a->gones == a->gone_capacity) {
		a->gone_capacity = mem_grow(a->gone_capacity, a->gones + 1);
		a->gone = mem_resize(a->gone, a->gone_capacity * sizeof *a->gone);
	}
	struct gone *gone = &a->gone[a->gones++];
	*gone = (struct gone){.path = mem_text(g->path), .file = g->named};
	gone->file.staged = mem_text(g->named.staged);
}

static enum rc publish(struct audit *a, const struct group *g, enum finding_kind kind, struct err *e)
{
	const struct store_move move = {g->named.staged, g->path};
	size_t done = 0;
	if (a->options->dry_run) {
		audit_mended(a, kind, g->path, MEND_WOULD, "would move %s there", g->named.staged);
		return RC_END;
	}
	enum rc rc = store_publish(a->store, &move, 1, &done, e);
	if (rc == RC_OK)
		audit_mended(a, kind, g->path, MEND_DONE, "moved %s there", g->named.staged);
	else if (rc == RC_BAD || rc == RC_END)
		audit_mended(a, kind, g->path, MEND_LEFT, "%s", e->text);
	return rc == RC_BAD ? RC_END : rc;
}

/* A compaction may have begun after its manifests were read. */
static enum rc was_compacted(struct audit *a, const struct group *g, bool *took, struct err *e)
{
	enum rc rc = compaction_took(a->store, names_text(&a->datasets, g->named.dataset), g->named.hour, g->path,
	    g->named.size, g->named.crc32, took, e);
	return rc == RC_BAD ? RC_OK : rc; /* which has been told */
}

/*
 * It was not in its folder when that was read. It came meanwhile, or it is still staged, or it is gone. A worker may be
 * moving it right now, so its final name is looked at again after the staged one. RC_END: there is nothing to check.
 */
static enum rc find_file(struct audit *a, struct group *g, const struct kinds *kinds, struct err *e)
{
	struct listed staged;
	enum rc rc = look(a, g->path, &g->there, e);
	if (rc != RC_END)
		return rc;
	rc = look(a, g->named.staged, &staged, e);
	if (rc != RC_OK && rc != RC_END)
		return rc;
	bool is_staged = rc == RC_OK;
	rc = look(a, g->path, &g->there, e);
	if (rc != RC_END)
		return rc;
	if (is_staged && staged.size == g->named.size) {
		audit_find(a, kinds->unpublished, g->path, "it is committed, and still lies at %s", g->named.staged);
		rc = a->options->repair ? publish(a, g, kinds->unpublished, e) : RC_END;
		if (rc == RC_END)
			audit_note_staged(a, g->named.staged);
		a->moved |= rc == RC_OK;
		return rc == RC_OK ? look(a, g->path, &g->there, e) : rc;
	}
	bool took = false;
	if (!g->named.rejects && (rc = was_compacted(a, g, &took, e)) != RC_OK)
		return rc;
	if (!took)
		note_gone(a, g);
	return RC_END;
}

/* Table files. */

static void check_folder(struct audit *a, const struct group *g)
{
	const char *dataset = names_text(&a->datasets, g->named.dataset);
	const struct schema *schema = audit_schema(a, dataset);
	char partition[PATH_BYTES / 2], folder[PATH_BYTES];
	size_t len = (size_t)(file_name(g->path) - g->path);
	if (schema == NULL)
		return;
	schema_partition_path(schema, g->named.hour, partition, sizeof partition);
	snprintf(folder, sizeof folder, "%s/hive/%s%s", dataset, partition, partition[0] != '\0' ? "/" : "");
	if (strlen(folder) == len && memcmp(folder, g->path, len) == 0)
		return;
	char hour[20];
	civil_text(g->named.hour * SECONDS_PER_HOUR, hour);
	audit_find(a, FINDING_TABLE_HOUR, g->path, "its manifest says that its rows are of %s, whose folder is %s",
	    hour, folder);
}

/* The footer's rows, and whose they are. */
static enum rc check_footer(struct audit *a, const struct group *g, struct err *e)
{
	struct footer footer;
	struct counting count = {.audit = a, .rows = {.dataset = g->named.dataset}, .fact = IDENT_ROWS};
	enum rc rc = content_given(footer_read(a->store, g->path, g->there.size, &footer, e), e);
	if (rc == RC_BAD) {
		audit_find(a, FINDING_TABLE_DAMAGED, g->path, "%s", e->text);
		return audit_excuse(a, &g->named, e);
	}
	if (rc != RC_OK)
		return rc;
	a->result->table_rows += footer.inspect.rows;
	if (footer.inspect.rows != g->named.rows)
		audit_find(a, FINDING_TABLE_ROWS, g->path, "its footer says %" PRIu64 " rows, its manifest %" PRIu64,
		    footer.inspect.rows, g->named.rows);
	rc = counting_footer(&count, &footer, e);
	if (rc == RC_BAD) {
		audit_find(a, FINDING_TABLE_SOURCES, g->path, "%s", e->text);
		rc = audit_excuse(a, &g->named, e);
	}
	mem_free(&footer.bytes);
	return rc;
}

/* RC_BAD: other bytes than the manifest says, which has been told. */
static enum rc check_bytes(struct audit *a, const struct group *g, enum finding_kind kind, struct err *e)
{
	uint32_t crc = 0;
	enum rc rc = RC_OK;
	if (g->there.size != g->named.size)
		rc = err_set(
		    RC_BAD, e, "it has %" PRIu64 " bytes, its manifest says %" PRIu64, g->there.size, g->named.size);
	else if (!a->options->quick)
		rc = content_given(content_crc32(a->store, &a->crc, g->path, &crc, e), e);
	if (rc == RC_OK && !a->options->quick && crc != g->named.crc32)
		rc = err_set(
		    RC_BAD, e, "its CRC-32 is %08" PRIx32 ", its manifest says %08" PRIx32, crc, g->named.crc32);
	if (rc != RC_BAD)
		return rc;
	audit_find(a, kind, g->path, "%s", e->text);
	rc = audit_excuse(a, &g->named, e);
	return rc == RC_OK ? RC_BAD : rc;
}

static enum rc check_table(struct audit *a, const struct group *g, struct err *e)
{
	a->result->tables++;
	a->result->table_bytes += g->there.size;
	check_folder(a, g);
	enum rc rc = check_bytes(a, g, FINDING_TABLE_DAMAGED, e);
	return rc == RC_OK ? check_footer(a, g, e) : rc == RC_BAD ? RC_OK : rc;
}

/* Rejects files. */

struct lines {
	struct audit *audit;
	struct commit_id commit;
	struct ident id;
	struct reject_lines sum; /* of the lines of one original so far */
	uint64_t count;
	bool any;
};

static enum rc lines_flush(struct lines *l, struct err *e)
{
	enum rc rc = l->any ? audit_add_ident(l->audit, &l->id, &l->sum, e) : RC_OK;
	l->any = false;
	return rc;
}

static enum rc see_line(void *context, const struct reject_line *line, struct err *e)
{
	struct lines *l = context;
	enum rc rc = RC_OK;
	if (l->any && (l->id.again != line->again || memcmp(l->id.sha256, line->sha256, SHA256_BYTES) != 0))
		rc = lines_flush(l, e);
	if (!l->any) {
		memcpy(l->id.sha256, line->sha256, SHA256_BYTES);
		l->id.again = line->again;
		l->sum = (struct reject_lines){.commit = l->commit};
		l->any = true;
	}
	l->sum.rejects += line->rejects;
	l->sum.lost += line->lost;
	l->sum.silent |= line->silent;
	l->count++;
	return rc;
}

static enum rc count_line(void *context, const struct reject_line *line, struct err *e)
{
	uint64_t *count = context;
	(void)line, (void)e;
	++*count;
	return RC_OK;
}

static enum rc check_rejects(struct audit *a, const struct group *g, struct err *e)
{
	const char *topic = names_text(&a->topics, g->named.commit.topic);
	struct lines l = {
	    .audit = a, .commit = g->named.commit, .id = {.source = audit_source(a, topic), .fact = IDENT_REJECTS}};
	uint64_t count = 0;
	uint32_t crc = 0;
	a->result->rejects_files++;
	enum rc rc = RC_OK;
	if (g->there.size != g->named.size)
		rc = err_set(
		    RC_BAD, e, "it has %" PRIu64 " bytes, its manifest says %" PRIu64, g->there.size, g->named.size);
	if (rc == RC_OK)
		rc = content_given(content_rejects(a->store, &a->crc, g->path, count_line, &count, &crc, e), e);
	if (rc == RC_OK && count != g->named.rows)
		rc = err_set(RC_BAD, e, "it has %" PRIu64 " lines, its manifest says %" PRIu64, count, g->named.rows);
	if (rc == RC_OK && crc != g->named.crc32)
		rc = err_set(
		    RC_BAD, e, "its CRC-32 is %08" PRIx32 ", its manifest says %08" PRIx32, crc, g->named.crc32);
	if (rc == RC_BAD) {
		audit_find(a, FINDING_REJECTS_DAMAGED, g->path, "%s", e->text);
		return audit_excuse(a, &g->named, e);
	}
	if (rc == RC_OK)
		rc = content_rejects(a->store, &a->crc, g->path, see_line, &l, &crc, e);
	return rc == RC_OK ? lines_flush(&l, e) : rc;
}

static enum rc check_file(struct audit *a, struct group *g, struct err *e)
{
	const struct kinds *kinds = g->named.rejects ? &rejects_kinds : &table_kinds;
	enum rc rc = g->listed ? RC_OK : find_file(a, g, kinds, e);
	if (g->twice)
		audit_find(a, FINDING_NAMED_TWICE, g->path,
		    "the commits at %" PRIu64 " of %s/%u and at %" PRIu64 " of %s/%u name it", g->named.commit.start,
		    names_text(&a->topics, g->named.commit.topic), g->named.commit.partition, g->other.start,
		    names_text(&a->topics, g->other.topic), g->other.partition);
	if (rc == RC_END)
		return audit_excuse(a, &g->named, e);
	if (rc == RC_OK)
		rc = g->named.rejects ? check_rejects(a, g, e) : check_table(a, g, e);
	/* Removed between a look and a read: the next audit says whether it is gone. */
	return rc == RC_END ? err_set(RC_AGAIN, e, "%s vanished while it was read", g->path) : rc;
}

/* Originals. */

static enum rc check_original(struct audit *a, struct group *g, struct err *e)
{
	uint8_t digest[SHA256_BYTES];
	uint64_t size = 0;
	enum rc rc = g->listed ? RC_OK : look(a, g->path, &g->there, e);
	if (rc == RC_OK && !a->options->quick && g->there.size == g->wanted.size)
		rc = content_given(content_sha256(a->store, g->path, digest, &size, e), e);
	if (rc == RC_BAD) {
		audit_find(a, FINDING_ORIGINAL_DAMAGED, g->path, "%s", e->text);
		return RC_OK;
	}
	if (rc == RC_END) {
		char hex[SHA256_TEXT];
		str_hex(g->wanted.sha256, SHA256_BYTES, hex);
		audit_find(a, FINDING_ORIGINAL_MISSING, g->path, "%" PRIu64 " bytes with sha256 %s were archived here",
		    g->wanted.size, hex);
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	a->result->archived++;
	a->result->archived_bytes += g->there.size;
	if (g->contrary)
		audit_find(a, FINDING_ORIGINAL_DAMAGED, g->path, "two originals are said to lie here");
	else if (g->there.size != g->wanted.size)
		audit_find(a, FINDING_ORIGINAL_DAMAGED, g->path, "it has %" PRIu64 " bytes, %" PRIu64 " were archived",
		    g->there.size, g->wanted.size);
	else if (!a->options->quick && memcmp(digest, g->wanted.sha256, SHA256_BYTES) != 0) {
		char hex[SHA256_TEXT], other[SHA256_TEXT];
		str_hex(g->wanted.sha256, SHA256_BYTES, hex);
		str_hex(digest, SHA256_BYTES, other);
		audit_find(a, FINDING_ORIGINAL_DAMAGED, g->path, "its sha256 is %s, %s was archived", other, hex);
	}
	return RC_OK;
}

/* Its rows are in a compaction's files now, so it must not be in the table. The listing may be older than the switch.
 */
static enum rc check_taken(struct audit *a, struct group *g, struct err *e)
{
	enum rc rc = g->listed && !g->under_way ? look(a, g->path, &g->there, e) : RC_END;
	return rc == RC_OK ? unnamed_file(a, g, false, e) : rc == RC_END ? RC_OK : rc;
}

/* It went for its age. An expiry that is under way or was killed has not removed it yet; somebody may have put it back.
 */

static enum rc remove_left(struct audit *a, const struct group *g, struct err *e)
{
	const char *path = g->path;
	if (g->there.modified_ns / NS_PER_MS > g->expired_ms) {
		audit_mended(a, FINDING_EXPIRED_LEFT, path, MEND_LEFT, "it came later: somebody has put it back");
		return RC_OK;
	}
	if (a->options->dry_run) {
		audit_mended(a, FINDING_EXPIRED_LEFT, path, MEND_WOULD, "would remove it");
		return RC_OK;
	}
	enum rc rc = store_remove(a->store, &path, 1, e);
	if (rc == RC_OK)
		audit_mended(a, FINDING_EXPIRED_LEFT, path, MEND_DONE, "removed it");
	return rc;
}

static enum rc check_expired(struct audit *a, struct group *g, struct err *e)
{
	char day[25];
	enum rc rc = g->listed ? look(a, g->path, &g->there, e) : RC_END;
	a->result->expired += rc == RC_END;
	if (rc != RC_OK)
		return rc == RC_END ? RC_OK : rc;
	if (!audit_old(a, g->expired_ms * NS_PER_MS)) {
		a->result->young++;
		return RC_OK;
	}
	civil_iso((struct wall){g->expired_ms * NS_PER_MS}, day);
	audit_find(a, FINDING_EXPIRED_LEFT, g->path, "it expired at %s, and is still there", day);
	return a->options->repair ? remove_left(a, g, e) : RC_OK;
}

static enum rc check(struct audit *a, struct group *g, struct err *e)
{
	enum rc rc = RC_OK;
	if (g->path == NULL)
		return RC_OK;
	if (g->original && holders_gone(&g->holders))
		g->expired_ms = g->holders.gone_ms;
	if (g->expired_ms > 0)
		rc = check_expired(a, g, e);
	else if (g->taken)
		rc = check_taken(a, g, e);
	else if (g->file)
		rc = check_file(a, g, e);
	else if (g->original)
		rc = check_original(a, g, e);
	else
		rc = unnamed_path(a, g, e);
	group_fini(g);
	return rc;
}

static void add(struct group *g, enum path_fact fact, const struct sorter_record *r)
{
	struct named_file file;
	struct named_original original;
	switch (fact) {
	case PATH_LISTED:
		fact_listed_read(r, &g->there);
		g->listed = true;
		break;
	case PATH_FILE:
		fact_file_read(r, &file);
		if (g->file) {
			g->twice = true;
			g->other = file.commit;
			break;
		}
		g->file = true;
		g->named = file;
		g->named.staged = mem_text(file.staged);
		break;
	case PATH_TAKEN:
		fact_file_read(r, &file);
		g->taken = true;
		g->under_way |= file.under_way;
		g->expired_ms = file.expired_ms > 0 ? file.expired_ms : g->expired_ms;
		break;
	case PATH_ORIGINAL:
	case PATH_LEDGER:
		fact_original_read(r, &original);
		g->contrary |= g->original && memcmp(g->wanted.sha256, original.sha256, SHA256_BYTES) != 0;
		if (!g->original)
			g->wanted = original;
		g->original = true;
		holders_name(&g->holders, original.source, original.again);
		break;
	case PATH_EXPIRED:
		fact_original_read(r, &original);
		holders_let_go(&g->holders, original.source, original.again, original.expired_ms);
		break;
	}
}

enum rc audit_paths(struct audit *a, struct err *e)
{
	struct group g = {.path = NULL};
	struct sorter_record r;
	uint64_t count = 0;
	enum rc rc = sorter_done(a->paths, e);
	while (rc == RC_OK && (rc = sorter_next(a->paths, &r, e)) == RC_OK) {
		const char *path = NULL;
		enum path_fact fact = fact_path_read(&r, &path);
		if (g.path == NULL || strcmp(g.path, path) != 0) {
			rc = check(a, &g, e);
			g.path = mem_text(path);
			if (a->options->progress != NULL && ++count % 1000 == 0)
				a->options->progress(a->options->context, "files", count);
		}
		add(&g, fact, &r);
	}
	if (rc == RC_END)
		rc = check(a, &g, e);
	group_fini(&g);
	return rc;
}
