/*
 * The order of reading is what lets an audit run beside workers:
 *
 *   1. the ledger: what it says is committed has a manifest by then, which step 3 finds
 *   2. the folders of the lake: a table file that lies there has its manifest by then, which step 3 finds
 *   3. history, manifests, compactions, expiries: what they name that step 2 did not see came meanwhile, and is looked
 * for once more
 *   4. what was said of each path, put together: files against manifests, originals against their hashes
 *   5. what was said of each identity, put together: ledger, manifests, footers and rejects against each other; what
 * the ledger lacks is asked for once more
 *
 * Steps 4 and 5 go through what was gathered in the order of the sorter, so neither needs to know more than one path or
 * one original at a time.
 */
#include "audit/audit.h"

#include <stdio.h>
#include <string.h>

#include "audit/work.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/ledger.h"

enum { SORT_BYTES = 24 << 20, RECORD = 256 << 10 };

void audit_find(struct audit *a, enum finding_kind kind, const char *path, const char *format, ...)
{
	char text[ERR_TEXT];
	const struct finding f = {kind, path, text};
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	a->result->findings++;
	a->result->kind[kind]++;
	a->options->found(a->options->context, &f);
}

void audit_mended(
    struct audit *a, enum finding_kind kind, const char *path, enum mend_outcome outcome, const char *format, ...)
{
	char text[ERR_TEXT];
	const struct mend m = {kind, path, text, outcome};
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	a->result->mended += outcome == MEND_DONE;
	a->options->mended(a->options->context, &m);
}

enum rc audit_add_path(struct audit *a, const char *path, enum path_fact fact, const void *what, struct err *e)
{
	struct sorter_record r;
	fact_path(&a->record, path, fact, what, &r);
	return sorter_add(a->paths, &r, e);
}

enum rc audit_add_ident(struct audit *a, const struct ident *id, const void *what, struct err *e)
{
	struct sorter_record r;
	fact_ident(&a->record, id, what, &r);
	return sorter_add(a->idents, &r, e);
}

uint16_t audit_source(struct audit *a, const char *topic)
{
	const char *dot = strrchr(topic, '.');
	return names_add(&a->sources, topic, dot != NULL ? (size_t)(dot - topic) : strlen(topic));
}

uint16_t audit_dataset(struct audit *a, const char *path)
{
	return names_add(&a->datasets, path, strcspn(path, "/"));
}

const struct schema *audit_schema(const struct audit *a, const char *dataset)
{
	for (size_t i = 0; i < a->settings->pipelines; i++)
		if (strcmp(a->settings->pipeline[i].schema->name, dataset) == 0)
			return a->settings->pipeline[i].schema;
	return NULL;
}

void audit_break_hour(struct audit *a, uint16_t dataset, int64_t hour)
{
	if (audit_broken_hour(a, dataset, hour))
		return;
	a->broken = mem_resize(a->broken, (a->brokens + 1) * sizeof *a->broken);
	a->broken[a->brokens++] = (struct broken_hour){dataset, hour};
}

bool audit_broken_hour(const struct audit *a, uint16_t dataset, int64_t hour)
{
	for (size_t i = 0; i < a->brokens; i++)
		if (a->broken[i].dataset == dataset && a->broken[i].hour == hour)
			return true;
	return false;
}

void audit_note_staged(struct audit *a, const char *staged)
{
	if (a->staged_named == a->staged_capacity) {
		a->staged_capacity = mem_grow(a->staged_capacity, a->staged_named + 1);
		a->staged = mem_resize(a->staged, a->staged_capacity * sizeof *a->staged);
	}
	a->staged[a->staged_named++] = mem_text(staged);
}

bool audit_old(const struct audit *a, int64_t modified_ns)
{
	return modified_ns <= a->now_ns && (a->now_ns - modified_ns) / 1000000 >= a->options->grace_ms;
}

static void tell_holes(struct audit *a)
{
	for (size_t i = 0; i < a->chains.count; i++) {
		const struct chain *c = &a->chains.at[i];
		const char *topic = names_text(&a->topics, c->topic);
		for (size_t n = 0; n < c->holes; n++) {
			const struct hole *h = &c->hole[n];
			if (h->told)
				continue;
			char *path = mem_format("_sluice/%s/%s/%u/%020llu", h->history ? "history" : "commits", topic,
			    c->partition, (unsigned long long)h->start);
			audit_find(a, FINDING_MANIFEST_MISSING, path,
			    "nothing says what became of events %llu to %llu; %llu file%s and %llu original%s of "
			    "theirs are known",
			    (unsigned long long)h->start, (unsigned long long)h->end, (unsigned long long)h->files,
			    h->files == 1 ? "" : "s", (unsigned long long)h->originals, h->originals == 1 ? "" : "s");
			mem_free(&path);
		}
	}
}

static void begin(struct audit *a, const struct settings *s, const struct audit_options *o, struct audit_result *out)
{
	const char *scratch = o->scratch != NULL ? o->scratch : s->state;
	*out = (struct audit_result){.findings = 0};
	*a = (struct audit){
	    .settings = s, .options = o, .result = out, .now_ns = clock_wall().ns, .expired = json_object()};
	a->paths = sorter_new(scratch, SORT_BYTES);
	a->idents = sorter_new(scratch, SORT_BYTES);
	crc32_init(&a->crc);
	writer_init(&a->record, RECORD);
	for (size_t i = 0; i < s->pipelines; i++)
		names_add(&a->datasets, s->pipeline[i].schema->name, strlen(s->pipeline[i].schema->name));
}

static void end(struct audit *a)
{
	store_close(&a->store);
	ledger_close(&a->ledger);
	a->result->sorted_bytes = sorter_bytes(a->paths) + sorter_bytes(a->idents);
	sorter_free(&a->paths);
	sorter_free(&a->idents);
	chains_fini(&a->chains);
	names_fini(&a->topics);
	names_fini(&a->sources);
	names_fini(&a->datasets);
	for (size_t i = 0; i < a->orphans; i++)
		mem_free(&a->orphan[i].path);
	mem_free(&a->orphan);
	for (size_t i = 0; i < a->gones; i++) {
		mem_free(&a->gone[i].path);
		mem_release((void *)a->gone[i].file.staged);
	}
	mem_free(&a->gone);
	mem_free(&a->broken);
	for (size_t i = 0; i < a->staged_named; i++)
		mem_free(&a->staged[i]);
	mem_free(&a->staged);
	commit_set_fini(&a->excused);
	commit_set_fini(&a->silent);
	json_decref(a->expired);
	writer_fini(&a->record);
}

enum rc audit_run(const struct settings *s, const struct audit_options *o, struct audit_result *out, struct err *e)
{
	struct audit a;
	begin(&a, s, o, out);
	enum rc rc = file_mkdirs(o->scratch != NULL ? o->scratch : s->state, e);
	if (rc == RC_OK)
		rc = store_open(s->store, s->store_place, s->store_option, s->store_options, &a.store, e);
	if (rc == RC_OK)
		rc = audit_ledger(&a, e);
	if (rc == RC_OK)
		rc = audit_folders(&a, e);
	if (rc == RC_OK)
		rc = audit_chains(&a, e);
	if (rc == RC_OK)
		rc = audit_compactions(&a, e);
	if (rc == RC_OK)
		rc = audit_expiries(&a, e);
	if (rc == RC_OK)
		rc = audit_paths(&a, e);
	if (rc == RC_OK)
		rc = audit_idents(&a, e);
	if (rc == RC_OK)
		rc = audit_orphans(&a, e);
	if (rc == RC_OK)
		tell_holes(&a);
	if (rc == RC_OK)
		rc = audit_staging(&a, e);
	if (rc == RC_OK)
		rc = audit_aside(&a, e);
	if (rc == RC_OK)
		rc = audit_schemas(&a, e);
	if (rc == RC_OK)
		rc = audit_catalog(&a, e);
	end(&a);
	return rc == RC_END ? err_set(RC_AGAIN, e, "a file of the lake vanished while it was read") : rc;
}
