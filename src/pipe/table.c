/*
 * Rows of many hours arrive mixed, files hold one hour each, and a thread has one budget: this is where the three meet.
 * Closing the largest row group frees most memory for one more seek of a reader, so that is what happens first.
 */
#include "pipe/table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/writer.h"
#include "pipe/limits.h"

enum { DISSECTORS = 8, KEY_BYTES_MAX = 1 << 20, PATH_BYTES = 512 };

struct extent {
	uint8_t original[SHA256_BYTES];
	uint64_t first, rows;
};

struct hour_file {
	struct table *table;
	int64_t hour;
	struct parquet *parquet;
	struct staged *staged;
	uint64_t memory; /* as it was after the last append */
	uint64_t used;   /* budget.clock of the last append */
	struct extent *source;
	size_t sources, source_capacity;
	char *dissector[DISSECTORS]; /* distinct, in order of appearance */
	size_t dissectors;
};

/* What the files of one table have taught. */
struct shape {
	const struct projection *projection;
	struct parquet_habit *habit;
};

struct budget {
	struct budget_limits limits;
	struct store *store;
	const struct crc32_tables *crc;
	struct metric_slot *figures;
	struct pack *pack;
	struct hour_file **open; /* in the order they were opened */
	size_t opened, capacity;
	struct shape *shape; /* per projection */
	size_t shapes;
	uint64_t memory;
	uint64_t clock;
};

struct table {
	struct budget *all;
	const struct projection *projection;
	const char *prefix;
	unsigned number; /* of the next staged file */
	struct table_file *file;
	size_t files, file_capacity;
	uint64_t bytes;         /* of finished files */
	struct hour_file *last; /* the one that rows went to last, or NULL */
	enum rc broken;         /* a failure met by somebody else's append */
	struct err why;
};

struct budget *budget_new(const struct budget_limits *limits, struct store *store, const struct crc32_tables *crc,
    struct metric_slot *figures)
{
	struct budget *all = mem_zero(1, sizeof *all);

	assert(limits->open_files > 0);
	all->limits = *limits;
	all->store = store;
	all->crc = crc;
	all->figures = figures;
	all->pack = pack_new();
	return all;
}

void budget_free(struct budget **all)
{
	if (*all == NULL)
		return;
	assert((*all)->opened == 0);
	pack_free(&(*all)->pack);
	for (size_t i = 0; i < (*all)->shapes; i++)
		parquet_habit_free(&(*all)->shape[i].habit);
	mem_free(&(*all)->shape);
	mem_free(&(*all)->open);
	mem_free(all);
}

uint64_t budget_memory(const struct budget *all)
{
	return all->memory;
}

unsigned budget_open(const struct budget *all)
{
	return (unsigned)all->opened;
}

/* What a page costs before it is compressed is paid per open file and column, so more files get smaller pages. */
static void set_page_rows(struct budget *all)
{
	uint32_t rows = all->opened <= 8 ? 20480 : all->opened <= 32 ? 4096 : 2048;

	if (all->limits.parquet.page_rows != 0 && all->limits.parquet.page_rows < rows)
		rows = all->limits.parquet.page_rows;
	for (size_t i = 0; i < all->opened; i++)
		parquet_page_rows(all->open[i]->parquet, rows);
}

static void account(struct hour_file *f)
{
	struct budget *all = f->table->all;
	uint64_t now = parquet_memory(f->parquet) + f->source_capacity * sizeof *f->source;

	all->memory += now - f->memory;
	metric_add(all->figures, FIGURE_WORKER_MEMORY, now - f->memory);
	limit_add(all->figures, LIMIT_WORKER_MEMORY, now - f->memory);
	f->memory = now;
}

/* Take it off the list and free it; its staged file is dropped unless it was handed on. */
static void forget(struct hour_file *f)
{
	struct budget *all = f->table->all;
	size_t at = 0;

	while (all->open[at] != f)
		at++;
	all->opened--;
	memmove(all->open + at, all->open + at + 1, (all->opened - at) * sizeof *all->open);
	all->memory -= f->memory;
	metric_add(all->figures, FIGURE_WORKER_MEMORY, -f->memory);
	metric_add(all->figures, FIGURE_OPEN_WRITERS, UINT64_MAX);
	limit_add(all->figures, LIMIT_WORKER_MEMORY, -f->memory);
	limit_add(all->figures, LIMIT_OPEN_HOURS, UINT64_MAX);
	if (f->table->last == f)
		f->table->last = NULL;
	parquet_free(&f->parquet);
	staged_drop(&f->staged);
	mem_free(&f->source);
	for (size_t i = 0; i < f->dissectors; i++)
		mem_free(&f->dissector[i]);
	mem_free(&f);
	set_page_rows(all);
}

static void write_sources(const struct hour_file *f, struct writer *w)
{
	char hex[SHA256_TEXT];

	writer_text(w, "[");
	for (size_t i = 0; i < f->sources; i++) {
		str_hex(f->source[i].original, SHA256_BYTES, hex);
		writer_format(w, "%s[\"%s\",%" PRIu64 ",%" PRIu64 "]", i > 0 ? "," : "", hex, f->source[i].first,
		    f->source[i].rows);
	}
	writer_text(w, "]");
}

static enum rc write_footer(struct hour_file *f, struct err *e)
{
	struct writer sources, dissectors;
	enum rc rc;

	writer_init(&sources, KEY_BYTES_MAX);
	writer_init(&dissectors, KEY_BYTES_MAX);
	write_sources(f, &sources);
	for (size_t i = 0; i < f->dissectors; i++)
		writer_format(&dissectors, "%s%s", i > 0 ? " " : "", f->dissector[i]);
	assert(!sources.failed && !dissectors.failed);
	const struct parquet_key key[] = {
	    {"sluice.sources", (const char *)sources.bytes, sources.len},
	    {"sluice.dissector", (const char *)dissectors.bytes, dissectors.len},
	};
	rc = parquet_close(f->parquet, key, sizeof key / sizeof key[0], e);
	writer_fini(&sources);
	writer_fini(&dissectors);
	return rc;
}

/* Finish a file: footer, length verified, onto the table's list. The hour_file is gone whatever the outcome. */
static enum rc finish(struct hour_file *f, struct err *e)
{
	struct table *t = f->table;
	enum rc rc = write_footer(f, e);

	if (rc == RC_OK)
		rc = staged_close(f->staged, e);
	if (rc == RC_OK) {
		if (t->files == t->file_capacity) {
			t->file_capacity = mem_grow(t->file_capacity, t->files + 1);
			t->file = mem_resize(t->file, t->file_capacity * sizeof *t->file);
		}
		t->file[t->files++] =
		    (struct table_file){.staged = f->staged, .hour = f->hour, .rows = parquet_rows(f->parquet)};
		t->bytes += f->staged->size;
		limit_most(t->all->figures, LIMIT_FILE_BYTES, f->staged->size);
		f->staged = NULL;
	}
	forget(f);
	return rc;
}

/* A writer of another table failed while room was made for t: its owner hears of it at its next call, t goes on. */
static enum rc settle(struct table *t, struct table *victim, enum rc rc, struct err *e)
{
	if (rc == RC_OK || victim == t)
		return rc;
	victim->broken = rc;
	victim->why = *e;
	for (size_t i = victim->all->opened; i-- > 0;)
		if (victim->all->open[i]->table == victim)
			forget(victim->all->open[i]);
	return RC_OK;
}

/* Close row groups, the largest first, until the budget holds; then whole files, the one that was idle longest first.
 */
static enum rc make_room(struct table *t, struct err *e)
{
	struct budget *all = t->all;

	while (all->memory > all->limits.memory && all->opened > 0) {
		limit_reached(all->figures, LIMIT_WORKER_MEMORY);
		struct hour_file *largest = all->open[0], *idle = all->open[0];
		for (size_t i = 1; i < all->opened; i++) {
			struct hour_file *f = all->open[i];
			if (parquet_group_memory(f->parquet) > parquet_group_memory(largest->parquet))
				largest = f;
			if (f->used < idle->used)
				idle = f;
		}
		struct table *victim = parquet_group_memory(largest->parquet) > 0 ? largest->table : idle->table;
		enum rc rc;
		if (parquet_group_memory(largest->parquet) > 0) {
			rc = parquet_flush(largest->parquet, e);
			if (rc == RC_OK)
				account(largest);
		} else {
			rc = finish(idle, e);
		}
		if ((rc = settle(t, victim, rc, e)) != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc finish_idle(struct table *t, struct err *e)
{
	struct budget *all = t->all;
	struct hour_file *idle = all->open[0];

	for (size_t i = 1; i < all->opened; i++)
		if (all->open[i]->used < idle->used)
			idle = all->open[i];
	struct table *victim = idle->table;
	return settle(t, victim, finish(idle, e), e);
}

static struct parquet_habit *habit_of(struct budget *all, const struct projection *p)
{
	for (size_t i = 0; i < all->shapes; i++)
		if (all->shape[i].projection == p)
			return all->shape[i].habit;
	all->shape = mem_resize(all->shape, (all->shapes + 1) * sizeof *all->shape);
	all->shape[all->shapes] = (struct shape){p, parquet_habit_new(p)};
	return all->shape[all->shapes++].habit;
}

static enum rc open_hour(struct table *t, int64_t hour, struct hour_file **out, struct err *e)
{
	struct budget *all = t->all;
	char path[PATH_BYTES];
	struct staged *staged = NULL;
	struct parquet *parquet = NULL;
	struct parquet_options options = all->limits.parquet;
	enum rc rc;

	if (all->opened >= all->limits.open_files) {
		limit_reached(all->figures, LIMIT_OPEN_HOURS);
		if ((rc = finish_idle(t, e)) != RC_OK)
			return rc;
	}
	snprintf(path, sizeof path, "%s%05u.parquet", t->prefix, t->number++);
	rc = staged_open(all->store, all->crc, path, &staged, e);
	if (rc != RC_OK)
		return rc;
	options.habit = habit_of(all, t->projection);
	rc = parquet_open(t->projection, &options, all->pack,
	    (struct parquet_sink){.context = staged, .write = staged_write}, &parquet, e);
	if (rc != RC_OK) {
		staged_drop(&staged);
		return rc;
	}
	struct hour_file *f = mem_zero(1, sizeof *f);
	*f = (struct hour_file){.table = t, .hour = hour, .parquet = parquet, .staged = staged};
	if (all->opened == all->capacity) {
		all->capacity = mem_grow(all->capacity, all->opened + 1);
		all->open = mem_resize(all->open, all->capacity * sizeof *all->open);
	}
	all->open[all->opened++] = f;
	metric_add(all->figures, FIGURE_OPEN_WRITERS, 1);
	limit_add(all->figures, LIMIT_OPEN_HOURS, 1);
	set_page_rows(all);
	account(f);
	*out = f;
	return RC_OK;
}

static struct hour_file *find(struct table *t, int64_t hour)
{
	if (t->last != NULL && t->last->hour == hour)
		return t->last;
	for (size_t i = 0; i < t->all->opened; i++)
		if (t->all->open[i]->table == t && t->all->open[i]->hour == hour)
			return t->all->open[i];
	return NULL;
}

static bool is_last_source(const struct hour_file *f, const uint8_t *original)
{
	return f->sources > 0 && memcmp(f->source[f->sources - 1].original, original, SHA256_BYTES) == 0;
}

/* One, or several joined by blanks as a footer has them. */
static void note_dissectors(struct hour_file *f, const char *names)
{
	while (*names != '\0') {
		size_t len = strcspn(names, " "), i = 0;
		while (i < f->dissectors && (strncmp(f->dissector[i], names, len) != 0 || f->dissector[i][len] != '\0'))
			i++;
		if (i == f->dissectors && i < DISSECTORS && len > 0)
			f->dissector[f->dissectors++] = mem_text_n(names, len);
		names += len + (names[len] == ' ');
	}
}

static void note_source(struct hour_file *f, const struct table_source *source, uint64_t first, size_t n)
{
	note_dissectors(f, source->dissector);
	if (is_last_source(f, source->original)) {
		f->source[f->sources - 1].rows += n;
		return;
	}
	if (f->sources == f->source_capacity) {
		f->source_capacity = mem_grow(f->source_capacity, f->sources + 1);
		f->source = mem_resize(f->source, f->source_capacity * sizeof *f->source);
	}
	struct extent *s = &f->source[f->sources++];
	memcpy(s->original, source->original, SHA256_BYTES);
	s->first = first;
	s->rows = n;
}

/* The hour's open file, with room for one more source. */
static enum rc file_for(struct table *t, int64_t hour, const uint8_t *original, struct hour_file **out, struct err *e)
{
	struct hour_file *f = find(t, hour);
	enum rc rc;

	if (f != NULL && f->sources == TABLE_SOURCES && !is_last_source(f, original)) {
		if ((rc = finish(f, e)) != RC_OK)
			return rc;
		f = NULL;
	}
	if (f == NULL && (rc = open_hour(t, hour, &f, e)) != RC_OK)
		return rc;
	*out = f;
	return RC_OK;
}

enum rc table_append(struct table *t, int64_t hour, const struct table_source *source, const struct batch *b,
    const uint16_t *sel, size_t n, uint64_t *outside, struct err *e)
{
	struct hour_file *f = NULL;
	uint64_t rows, before;
	enum rc rc;

	if (t->broken != RC_OK) {
		*e = t->why;
		return t->broken;
	}
	if (n == 0)
		return RC_OK;
	if ((rc = file_for(t, hour, source->original, &f, e)) != RC_OK)
		return rc;
	t->last = f;
	f->used = ++t->all->clock;
	rows = parquet_rows(f->parquet);
	before = parquet_outside(f->parquet);
	if ((rc = parquet_append(f->parquet, b, sel, n, e)) != RC_OK)
		return rc;
	*outside += parquet_outside(f->parquet) - before;
	note_source(f, source, rows, n);
	account(f);
	if (parquet_written(f->parquet) >= t->all->limits.file_bytes) {
		limit_reached(t->all->figures, LIMIT_FILE_BYTES);
		if ((rc = finish(f, e)) != RC_OK)
			return rc;
	}
	return make_room(t, e);
}

enum rc table_finish(struct table *t, struct err *e)
{
	if (t->broken != RC_OK) {
		*e = t->why;
		return t->broken;
	}
	for (size_t i = 0; i < t->all->opened;) {
		if (t->all->open[i]->table != t) {
			i++;
			continue;
		}
		enum rc rc = finish(t->all->open[i], e);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

struct table_file *table_files(struct table *t, size_t *count)
{
	*count = t->files;
	return t->file;
}

uint64_t table_bytes(const struct table *t)
{
	uint64_t bytes = t->bytes;

	for (size_t i = 0; i < t->all->opened; i++)
		if (t->all->open[i]->table == t)
			bytes += parquet_written(t->all->open[i]->parquet);
	return bytes;
}

struct table *table_new(struct budget *all, const struct projection *p, const char *prefix)
{
	struct table *t = mem_zero(1, sizeof *t);

	t->all = all;
	t->projection = p;
	t->prefix = prefix;
	return t;
}

void table_drop(struct table **t)
{
	if (*t == NULL)
		return;
	for (size_t i = (*t)->all->opened; i-- > 0;)
		if ((*t)->all->open[i]->table == *t)
			forget((*t)->all->open[i]);
	for (size_t i = 0; i < (*t)->files; i++)
		staged_drop(&(*t)->file[i].staged);
	mem_free(&(*t)->file);
	mem_free(t);
}
