/*
 * The ledger's side of a group. What is counted and logged waits until the transaction is durable: a group that has to
 * be tried again is told once.
 */
#include "pipe/record.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/figures.h"

enum { NS_PER_MS = 1000000 };

void record_mark_add(struct record_marks *m, const struct item *it, int64_t now_ms)
{
	if (m->count == m->capacity) {
		m->capacity = mem_grow(m->capacity, m->count + 1);
		m->at = mem_resize(m->at, m->capacity * sizeof *m->at);
	}
	struct record_mark *mark = &m->at[m->count++];
	*mark = (struct record_mark){.pipeline = it->pipeline, .again = it->again, .published_ms = now_ms};
	memcpy(mark->sha256, it->sha256, SHA256_BYTES);
}

/* A manifest may have been faster than this mark: a state never goes back. */
static enum rc put_mark(struct ledger *l, const struct record_mark *mark, struct err *e)
{
	struct ledger_original o;
	enum rc rc = ledger_original(l, mark->pipeline->name, mark->sha256, mark->again, &o, e);
	if (rc != RC_OK || o.state != LEDGER_ARCHIVED)
		return rc == RC_END ? RC_OK : rc;
	o.state = LEDGER_PUBLISHED;
	o.published_ms = mark->published_ms;
	ledger_put_original(l, &o);
	return RC_OK;
}

static void dissector_text(const struct pipeline *p, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", p->dissector->name, p->dissector->version);
}

static void put_path(
    struct ledger *l, const struct item *it, enum ledger_path_state state, const struct ledger_path *was)
{
	const struct looks *k = &it->looks;
	struct ledger_path p = {.dev = k->dev,
	    .ino = k->ino,
	    .size = k->size,
	    .mtime_ns = k->mtime_ns,
	    .ctime_ns = k->ctime_ns,
	    .state = state,
	    .note = state == LEDGER_PATH_ASIDE || it->outcome == ITEM_FOREIGN ? it->note : "",
	    .retry = state == LEDGER_PATH_ASIDE && it->retry_note};
	if (state != LEDGER_PATH_ASIDE) {
		memcpy(p.sha256, it->sha256, SHA256_BYTES);
		p.taken_size = k->size;
		p.taken = true;
	} else if (was != NULL) {
		memcpy(p.sha256, was->sha256, SHA256_BYTES);
		p.taken_size = was->taken_size;
		p.taken = was->taken;
	}
	ledger_put_path(l, it->pipeline->name, it->source, &p);
}

static enum rc put_double(struct ledger *l, struct item *it, struct err *e)
{
	struct ledger_path was;
	struct ledger_original o;
	const char *pipeline = it->pipeline->name;
	enum rc rc = ledger_path(l, pipeline, it->source, &was, e);
	if (rc != RC_OK && rc != RC_END)
		return rc;
	/* The file that we took, touched or found again after an outcome that passed: not a double of itself. */
	bool itself = rc == RC_OK && was.taken && memcmp(was.sha256, it->sha256, SHA256_BYTES) == 0;
	enum ledger_path_state state =
	    itself && was.state != LEDGER_PATH_DOUBLE ? LEDGER_PATH_TAKEN : LEDGER_PATH_DOUBLE;
	it->repeated = rc == RC_OK && was.state == state && itself;
	rc = ledger_newest(l, pipeline, it->sha256, &o, e);
	if (rc != RC_OK)
		return rc == RC_END ? err_set(RC_AGAIN, e, "ledger: a known original is gone") : rc;
	it->again = o.again;
	it->open = o.state == LEDGER_ARCHIVED || o.state == LEDGER_PUBLISHED;
	it->committed = o.state == LEDGER_COMMITTED;
	it->partition = o.partition;
	it->rows_event = o.rows_event;
	if (o.source[0] == '\0') { /* known from the lake alone: this is where it came from */
		o.source = it->source;
		o.seen_ms = it->seen_ms;
		ledger_put_original(l, &o);
		state = LEDGER_PATH_TAKEN;
	}
	put_path(l, it, state, NULL);
	return RC_OK;
}

static void put_new(const struct record_params *p, struct ledger *l, struct item *it)
{
	char dissector[128];
	const uint8_t *h = it->sha256;
	size_t pipeline = (size_t)(it->pipeline - p->settings->pipeline);
	uint32_t first = (uint32_t)h[0] << 24 | (uint32_t)h[1] << 16 | (uint32_t)h[2] << 8 | h[3];
	it->partition = first % p->partitions[2 * pipeline + (it->rows_event ? 1 : 0)];
	dissector_text(it->pipeline, dissector, sizeof dissector);
	struct ledger_original o = {.again = it->again,
	    .state = LEDGER_ARCHIVED,
	    .pipeline = it->pipeline->name,
	    .name = it->name,
	    .source = it->source,
	    .path = it->path,
	    .topic = it->topic,
	    .partition = it->partition,
	    .parts = it->parts,
	    .rows_event = it->rows_event,
	    .dissector = dissector,
	    .size = it->looks.size,
	    .slot_s = it->slot_s,
	    .archived_s = it->archived_s,
	    .seen_ms = it->seen_ms,
	    .run = p->run};
	memcpy(o.sha256, it->sha256, SHA256_BYTES);
	if (!it->leave_source) {
		o.after_dev = it->looks.dev;
		o.after_ino = it->looks.ino;
		o.after_mtime_ns = it->looks.mtime_ns;
	}
	ledger_put_original(l, &o);
	put_path(l, it, LEDGER_PATH_TAKEN, NULL);
}

static enum rc put_taken(const struct record_params *p, struct ledger *l, struct item *it, struct err *e)
{
	struct ledger_original o;
	enum rc rc = ledger_original(l, it->pipeline->name, it->sha256, it->again, &o, e);
	if (rc == RC_END) {
		put_new(p, l, it);
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	/* Our own try before, whose transaction was committed although its answer was a failure. */
	if (o.run == p->run && o.state == LEDGER_ARCHIVED && strcmp(o.path, it->path) == 0) {
		it->partition = o.partition;
		return RC_OK;
	}
	/*
	 * Another process wrote it down between our look and now. If its copy has another name, ours stays without use:
	 * somebody may have found it in the lake and counted on it, so it is not ours to remove.
	 */
	it->outcome = ITEM_DOUBLE;
	if (strcmp(o.path, it->path) != 0)
		log_info("another process was faster; a second copy of an original stays in the lake");
	return put_double(l, it, e);
}

/*
 * An original that an earlier run archived is this run's now. If this build cuts it into other parts, the ledger says
 * so before they are published: topic and partition stay, and there the worker knows an original by its digest,
 * whatever its parts.
 */
static enum rc put_again(const struct record_params *p, struct ledger *l, struct item *it, struct err *e)
{
	struct ledger_original o;
	char dissector[128];
	enum rc rc = ledger_original(l, it->pipeline->name, it->sha256, it->again, &o, e);
	if (rc != RC_OK)
		return rc == RC_END ? err_set(RC_FAIL, e, "ledger: an open original is gone") : rc;
	bool regain = it->regain && o.state == LEDGER_PUBLISHED;
	if (o.state != LEDGER_ARCHIVED && !regain) { /* another process did it */
		it->outcome = ITEM_DOUBLE;
		it->open = o.state == LEDGER_PUBLISHED;
		it->repeated = true;
		return RC_OK;
	}
	dissector_text(it->pipeline, dissector, sizeof dissector);
	if (!it->regain)
		o.run = p->run;
	if (it->outcome == ITEM_LOST) {
		o.state = LEDGER_REFUSED;
		o.note = it->note;
		o.committed_ms = clock_wall().ns / NS_PER_MS;
	} else if (it->parts != o.parts || strcmp(dissector, o.dissector) != 0) {
		o.parts = it->parts;
		o.dissector = dissector;
	}
	ledger_put_original(l, &o);
	return RC_OK;
}

static enum rc put_aside(struct ledger *l, struct item *it, struct err *e)
{
	struct ledger_path was;
	enum rc rc = ledger_path(l, it->pipeline->name, it->source, &was, e);
	if (rc != RC_OK && rc != RC_END)
		return rc;
	it->repeated = rc == RC_OK && was.state == LEDGER_PATH_ASIDE && strcmp(was.note, it->note) == 0;
	struct ledger_path keep = was;
	put_path(l, it, LEDGER_PATH_ASIDE, rc == RC_OK ? &keep : NULL);
	return RC_OK;
}

/* Its content is another instance's: a double of an original that this ledger does not hold. */
static enum rc put_foreign(struct ledger *l, struct item *it, struct err *e)
{
	struct ledger_path was;
	enum rc rc = ledger_path(l, it->pipeline->name, it->source, &was, e);
	if (rc != RC_OK && rc != RC_END)
		return rc;
	it->repeated = rc == RC_OK && was.state == LEDGER_PATH_DOUBLE && strcmp(was.note, it->note) == 0;
	put_path(l, it, LEDGER_PATH_DOUBLE, NULL);
	return RC_OK;
}

/* The source is gone. Another file may have come under its name since, and may be written down already: that one stays.
 */
static enum rc forget(struct ledger *l, const struct item *it, struct err *e)
{
	struct ledger_path p;
	const struct looks *k = &it->looks;
	enum rc rc = ledger_path(l, it->pipeline->name, it->source, &p, e);
	if (rc != RC_OK)
		return rc == RC_END ? RC_OK : rc;
	if (p.dev == k->dev && p.ino == k->ino && p.size == k->size && p.mtime_ns == k->mtime_ns)
		ledger_delete_path(l, it->pipeline->name, it->source);
	return RC_OK;
}

static enum rc put_item(const struct record_params *p, struct ledger *l, struct item *it, struct err *e)
{
	if (it->task == ITEM_FORGET)
		return forget(l, it, e);
	if (it->outcome == ITEM_LATER)
		return RC_OK;
	if (it->task == ITEM_REPUBLISH)
		return put_again(p, l, it, e);
	switch (it->outcome) {
	case ITEM_TAKEN:
		return put_taken(p, l, it, e);
	case ITEM_DOUBLE:
		return put_double(l, it, e);
	case ITEM_FOREIGN:
		return put_foreign(l, it, e);
	default:
		return put_aside(l, it, e);
	}
}

static void tell(const struct record_params *p, const struct item *it)
{
	char show[512], hex[SHA256_TEXT];
	struct metric_slot *figures = board_figures(p->board);
	if (it->task == ITEM_FORGET || it->outcome == ITEM_LATER)
		return;
	str_hex(it->sha256, SHA256_BYTES, hex);
	switch (it->outcome) {
	case ITEM_TAKEN:
		if (it->task == ITEM_TAKE) {
			metric_add(figures, FIGURE_FILES_ARCHIVED, 1);
			metric_add(figures, FIGURE_BYTES_ARCHIVED, it->looks.size);
		}
		log_debug("archived path=%s original=%.12s topic=%s partition=%u parts=%u", item_show(it, show), hex,
		    it->topic, it->partition, it->parts);
		break;
	case ITEM_DOUBLE:
		if (it->task != ITEM_TAKE)
			break;
		board_add(p->board, BOARD_DOUBLED, 1);
		if (it->repeated)
			break;
		metric_add(figures, FIGURE_FILES_DUPLICATE, 1);
		log_info("content known already path=%s original=%.12s", item_show(it, show), hex);
		break;
	case ITEM_FOREIGN:
		board_add(p->board, BOARD_DOUBLED, 1);
		if (it->repeated)
			break;
		metric_add(figures, FIGURE_FILES_FOREIGN, 1);
		log_info("path=%s original=%.12s: %s", item_show(it, show), hex, it->note);
		break;
	case ITEM_LOST:
		log_error("can't publish again, load it with --again path=%s original=%.12s: %s", item_show(it, show),
		    hex, it->note);
		board_add(p->board, BOARD_REFUSED, 1);
		break;
	default:
		if (!it->unsettled)
			board_add(p->board, BOARD_ASIDE, 1);
		if (it->repeated)
			break;
		metric_add(figures, FIGURE_FILES_SET_ASIDE, 1);
		if (it->unsettled || !p->named_at_end)
			log_warn("set aside path=%s: %s", item_show(it, show), it->note);
	}
}

enum rc record_items(
    const struct record_params *p, struct ledger *l, struct record_marks *marks, struct item_list *items, struct err *e)
{
	bool any = marks->count > 0;
	for (const struct item *it = items->first; it != NULL && !any; it = it->next)
		any = it->outcome != ITEM_LATER || it->task == ITEM_FORGET;
	if (!any)
		return RC_OK;
	enum rc rc = ledger_begin(l, e);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < marks->count && rc == RC_OK; i++)
		rc = put_mark(l, &marks->at[i], e);
	for (struct item *it = items->first; it != NULL && rc == RC_OK; it = it->next)
		rc = put_item(p, l, it, e);
	if (rc != RC_OK) {
		ledger_abort(l);
		return rc;
	}
	rc = ledger_commit(l, e);
	if (rc != RC_OK)
		return rc;
	marks->count = 0;
	for (const struct item *it = items->first; it != NULL; it = it->next)
		tell(p, it);
	return RC_OK;
}
