/*
 * The folder says which files there are, their names which partition of the bus they came from, the manifests of that
 * partition what they hold. Only what all three agree on is taken.
 */
#include "pipe/plan.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "pipe/compaction.h"
#include "pipe/draft.h"
#include "pipe/history.h"

#define PREFIX  "part-"
#define SUFFIX  ".parquet"
#define REJECTS ".jsonl"
#define COMPACT "compact"

enum { NS_PER_MS = 1000000, MS_PER_HOUR = 3600 * 1000, PATH_BYTES = 512 };

/* ---- names ---- */

/* The number that a text ends with, behind a '-'; the text is cut there. */
static bool take_number(char *text, uint64_t *out)
{
	char *dash = strrchr(text, '-');
	if (dash == NULL || !isdigit((unsigned char)dash[1]) || strlen(dash + 1) > 19 ||
	    strspn(dash + 1, "0123456789") != strlen(dash + 1))
		return false;
	*out = strtoull(dash + 1, NULL, 10);
	*dash = '\0';
	return true;
}

/* "part-<label>-<start>-<end>-<number>.parquet", or "part-compact-<hour>-<generation>-<number>.parquet". */
static bool read_name(const char *name, const char *suffix, struct plan_file *f)
{
	size_t len = strlen(name), head = strlen(PREFIX), tail = strlen(suffix);
	uint64_t second = 0, hour = 0;
	if (len <= head + tail || strncmp(name, PREFIX, head) != 0 || strcmp(name + len - tail, suffix) != 0)
		return false;
	char *label = mem_text_n(name + head, len - head - tail);
	bool well = take_number(label, &f->number) && take_number(label, &second) && take_number(label, &f->start);
	if (well && strcmp(label, COMPACT) == 0) {
		hour = f->start;
		f->hour = (int64_t)hour;
		f->start = second; /* the generation */
	}
	if (well)
		f->label = label;
	else
		mem_free(&label);
	return well;
}

static bool is_compacted(const struct plan_file *f)
{
	return strcmp(f->label, COMPACT) == 0;
}

static int by_place(const void *a, const void *b)
{
	const struct plan_file *x = a, *y = b;
	int order = strcmp(x->label, y->label);
	if (order != 0)
		return order;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static int by_hour(const void *a, const void *b)
{
	const struct plan_file *x = a, *y = b;
	if (x->hour != y->hour)
		return x->hour < y->hour ? -1 : 1;
	return by_place(a, b);
}

static struct plan_file *find(struct plan *p, const char *path)
{
	for (size_t i = 0; i < p->files; i++)
		if (strcmp(p->file[i].path, path) == 0)
			return &p->file[i];
	return NULL;
}

static void free_file(struct plan_file *f)
{
	mem_free(&f->path);
	mem_free(&f->label);
}

/* Keep what `keep` says, in its order. */
static void filter(struct plan *p, bool (*keep)(const struct plan_file *f, const void *context), const void *context)
{
	size_t kept = 0;
	for (size_t i = 0; i < p->files; i++)
		if (keep(&p->file[i], context))
			p->file[kept++] = p->file[i];
		else
			free_file(&p->file[i]);
	p->files = kept;
}

/* ---- the folder ---- */

static enum rc list_folder(struct store *s, const char *folder, struct plan *p, struct err *e)
{
	char **names = NULL;
	size_t count = 0;
	enum rc rc = store_list(s, folder, NULL, SIZE_MAX / 2, &names, &count, e);
	if (rc != RC_OK)
		return rc;
	p->file = mem_zero(count + 1, sizeof *p->file);
	for (size_t i = 0; i < count; i++) {
		struct plan_file *f = &p->file[p->files];
		if (read_name(names[i], p->rejects ? REJECTS : SUFFIX, f)) {
			f->path = mem_format("%s/%s", folder, names[i]);
			p->files++;
		} else {
			p->strange++;
			/* As Hive and Spark see it: a name with a dot or _ in front is no file of the table. */
			p->foreign += names[i][0] != '.' && names[i][0] != '_';
		}
	}
	store_list_free(&names, count);
	return RC_OK;
}

/* Sizes; RC_END when something came lately. */
static enum rc look_at_files(struct store *s, struct plan *p, const struct plan_limits *l, struct err *e)
{
	for (size_t i = 0; i < p->files; i++) {
		struct store_stat st;
		enum rc rc = store_stat(s, p->file[i].path, &st, e);
		if (rc != RC_OK)
			return rc; /* RC_END: it went meanwhile; the next look will do */
		if (st.modified_ns / NS_PER_MS > l->now_ms - l->quiet_ms)
			return RC_END;
		p->file[i].size = st.size;
	}
	return RC_OK;
}

static bool is_small(const struct plan_file *f, const void *context)
{
	const struct plan_limits *l = context;
	return f->size < l->target_bytes / 2;
}

/* ---- what earlier compactions say ---- */

static enum rc see_compacted(void *context, const struct compaction_file *f, struct err *e)
{
	struct plan_file *there = f->output ? find(context, f->path) : NULL;
	(void)e;
	if (there == NULL || there->size != f->size)
		return RC_OK;
	there->rows = f->rows;
	there->crc32 = f->crc32;
	there->known = true;
	return RC_OK;
}

static enum rc ask_compactions(struct store *s, const char *dataset, struct plan *p, struct err *e)
{
	const struct compaction_visitor v = {.context = p, .file = see_compacted};
	enum rc rc = RC_OK;
	for (size_t i = 0; i < p->files && rc == RC_OK; i++)
		if (is_compacted(&p->file[i]) && !p->file[i].known)
			rc = compaction_load(s, dataset, p->file[i].hour, p->file[i].start, &v, e);
	return rc == RC_END ? RC_OK : rc;
}

/* ---- what commits say ---- */

struct asking {
	struct store *store;
	struct plan *plan;
	size_t from, to; /* files of one label */
	uint64_t last;   /* highest start of them */
	uint64_t newest; /* manifest of the partition */
	uint64_t start;  /* of the manifest being read */
	bool past;       /* that one begins behind all of them */
};

static enum rc see_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct asking *a = context;
	(void)e;
	a->start = h->start;
	a->past = h->start > a->last;
	return a->past ? RC_FAIL : RC_OK; /* not RC_END: to the walk that is a manifest that went */
}

/* A commit that is not the newest is rolled forward; of the newest only what is not staged any more is. */
static enum rc see_file(void *context, const struct manifest_file *f, struct err *e)
{
	struct asking *a = context;
	struct store_stat st;
	for (size_t i = a->from; i < a->to && f->rejects == a->plan->rejects; i++) {
		struct plan_file *there = &a->plan->file[i];
		if (there->start != a->start || strcmp(there->path, f->path) != 0)
			continue;
		there->hour = f->hour;
		there->rows = f->rows;
		there->crc32 = f->crc32;
		there->known = there->size == f->size;
		if (a->start < a->newest)
			return RC_OK;
		enum rc rc = store_stat(a->store, f->staged, &st, e);
		there->unfinished = rc == RC_OK;
		return rc == RC_END ? RC_OK : rc;
	}
	return RC_OK;
}

static enum rc ask_partition(struct asking *a, const char *topic, unsigned partition, struct err *e)
{
	const struct manifest_visitor v = {.context = a, .head = see_head, .file = see_file};
	uint64_t next;
	enum rc rc = manifest_newest(a->store, topic, partition, &a->newest, e);
	if (rc == RC_END)
		a->newest = UINT64_MAX; /* all in history, or none: rolled forward long ago */
	if (rc != RC_OK && rc != RC_END)
		return rc;
	rc = history_each(a->store, topic, partition, a->plan->file[a->from].start, 0, &v, &next, e);
	return rc == RC_FAIL && a->past ? RC_OK : rc;
}

/* Every partition that has commits or history, until one has that label. */
static enum rc find_label(struct asking *a, const char *root, const char *topic, bool *found, struct err *e)
{
	const char *label = a->plan->file[a->from].label;
	char **names = NULL;
	size_t count = 0;
	char *folder = mem_format("%s/%s", root, topic);
	enum rc rc = store_list(a->store, folder, NULL, SIZE_MAX / 2, &names, &count, e);
	mem_free(&folder);
	for (size_t i = 0; i < count && rc == RC_OK && !*found; i++) {
		struct place place;
		if (strspn(names[i], "0123456789") != strlen(names[i]) || strlen(names[i]) > 6)
			continue;
		unsigned partition = (unsigned)strtoul(names[i], NULL, 10);
		place_init(&place, topic, partition, NULL, NULL);
		if (strcmp(place.label, label) != 0)
			continue;
		*found = true;
		rc = ask_partition(a, topic, partition, e);
	}
	store_list_free(&names, count);
	return rc;
}

static enum rc ask_commits_of(struct asking *a, struct err *e)
{
	static const char *const root[] = {"_sluice/commits", "_sluice/history"};
	const char *label = a->plan->file[a->from].label;
	bool found = false;
	enum rc rc = RC_OK;
	for (size_t r = 0; r < 2 && rc == RC_OK && !found; r++) {
		char **topics = NULL;
		size_t count = 0;
		rc = store_list(a->store, root[r], NULL, SIZE_MAX / 2, &topics, &count, e);
		for (size_t i = 0; i < count && rc == RC_OK && !found; i++) {
			/* A label begins with its topic, or with the first bytes of a long one. */
			size_t len = strlen(topics[i]) < 64 ? strlen(topics[i]) : 64;
			if (strncmp(topics[i], label, len) == 0)
				rc = find_label(a, root[r], topics[i], &found, e);
		}
		store_list_free(&topics, count);
	}
	return rc;
}

static enum rc ask_commits(struct store *s, struct plan *p, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t from = 0, to; from < p->files && rc == RC_OK; from = to) {
		struct asking a = {.store = s, .plan = p, .from = from};
		for (to = from; to < p->files && strcmp(p->file[to].label, p->file[from].label) == 0; to++)
			a.last = p->file[to].start;
		a.to = to;
		if (!is_compacted(&p->file[from]))
			rc = ask_commits_of(&a, e);
	}
	return rc;
}

/* ---- together ---- */

static bool may_go(const struct plan_file *f, const void *context)
{
	const struct plan_limits *l = context;
	return f->known && !f->unfinished && f->hour < l->before_hour &&
	       (f->hour + 1) * MS_PER_HOUR <= l->now_ms - l->quiet_ms;
}

size_t plan_hour_end(const struct plan *p, size_t from)
{
	size_t to = from;
	while (to < p->files && p->file[to].hour == p->file[from].hour)
		to++;
	return to;
}

static bool any_hour_of_two(const struct plan *p)
{
	for (size_t i = 1; i < p->files; i++)
		if (p->file[i].hour == p->file[i - 1].hour)
			return true;
	return false;
}

enum rc plan_folder(struct store *s, const struct schema *schema, const char *folder, const struct plan_limits *limits,
    struct plan *out, struct err *e)
{
	*out = (struct plan){0};
	enum rc rc = list_folder(s, folder, out, e);
	if (rc == RC_OK && out->files < 2)
		rc = RC_END;
	if (rc == RC_OK)
		rc = look_at_files(s, out, limits, e);
	if (rc == RC_OK) {
		filter(out, is_small, limits);
		qsort(out->file, out->files, sizeof *out->file, by_place);
		rc = out->files < 2 ? RC_END : ask_compactions(s, schema->name, out, e);
	}
	if (rc == RC_OK)
		rc = ask_commits(s, out, e);
	if (rc == RC_OK) {
		size_t before = out->files;
		filter(out, may_go, limits);
		out->strange += before - out->files;
		qsort(out->file, out->files, sizeof *out->file, by_hour);
		rc = any_hour_of_two(out) ? RC_OK : RC_END;
	}
	if (rc != RC_OK) {
		size_t foreign = out->foreign;
		plan_fini(out);
		out->foreign = foreign;
	}
	return rc;
}

enum rc plan_all(
    struct store *s, const struct schema *schema, const char *folder, bool rejects, struct plan *out, struct err *e)
{
	const struct plan_limits any = {.now_ms = INT64_MAX};
	*out = (struct plan){.rejects = rejects};
	enum rc rc = list_folder(s, folder, out, e);
	if (rc == RC_OK)
		rc = look_at_files(s, out, &any, e);
	if (rc == RC_END)
		rc = err_set(RC_AGAIN, e, "a file of %.300s went while it was looked at", folder);
	if (rc == RC_OK && out->files > 0) {
		qsort(out->file, out->files, sizeof *out->file, by_place);
		rc = rejects ? RC_OK : ask_compactions(s, schema->name, out, e);
	}
	if (rc == RC_OK)
		rc = ask_commits(s, out, e);
	if (rc == RC_OK && out->files > 0)
		qsort(out->file, out->files, sizeof *out->file, by_hour);
	if (rc != RC_OK)
		plan_fini(out);
	return rc;
}

void plan_fini(struct plan *p)
{
	for (size_t i = 0; i < p->files; i++)
		free_file(&p->file[i]);
	mem_free(&p->file);
	*p = (struct plan){0};
}
