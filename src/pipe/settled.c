/* Who reads the log learns each loss here; everything else of a commit goes its way without a word. */
#include "pipe/settled.h"

#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/str.h"
#include "pipe/after.h"
#include "pipe/claim.h"

enum { COUNT = 40, SHOWN = 4 * 255 + 1 };

void settled_source(struct settled *s, const struct pipeline *pipeline, const char *source, const struct looks *was)
{
	struct err e;
	enum rc rc = FAULT(COLLECTOR_COMMITTED, &e);
	if (rc == RC_OK)
		rc = after_apply(pipeline, source, was, &e);
	if (rc == RC_OK)
		rc = FAULT(COLLECTOR_AFTER, &e);
	if (rc == RC_OK) {
		struct item *gone = item_new(pipeline, ITEM_FORGET, source);
		gone->looks = *was;
		items_add(&s->gone, gone);
	} else if (rc != RC_END) {
		char show[4 * 240 + 1];
		size_t len = strlen(source), cut = len > 240 ? len - 240 : 0;
		str_escape(source + cut, len - cut, show);
		log_warn("after: %s path=%s", e.text, show);
	}
}

static const char *shown_name(const struct ledger_original *o, char out[SHOWN])
{
	size_t len = strlen(o->name);
	str_escape(o->name, len < 255 ? len : 255, out);
	return out;
}

/* One line for an original that is not in the tables as a whole. */
static void tell_loss(const struct ledger_original *o)
{
	char show[SHOWN], rejects[COUNT], lost[COUNT];
	if (o->state == LEDGER_REFUSED)
		log_warn("refused name=%s: %s", shown_name(o, show), o->note);
	else if (o->rejects > 0)
		log_warn("not whole name=%s: %s reject%s, at least %s row%s lost", shown_name(o, show),
		    str_show_count(o->rejects, rejects, sizeof rejects), o->rejects == 1 ? "" : "s",
		    str_show_count(o->lost, lost, sizeof lost), o->lost == 1 ? "" : "s");
}

/* Rows that may say what others say already. A person knows whether that is meant. */
static void tell_beside(const struct ledger_original *o, uint64_t beside)
{
	char show[SHOWN], rows[COUNT], before[COUNT];
	shown_name(o, show);
	str_show_count(o->rows, rows, sizeof rows);
	str_show_count(beside, before, sizeof before);
	if (o->again > 0)
		log_warn("taken again name=%s: %s row%s stored beside %s of the same content", show, rows,
		    o->rows == 1 ? "" : "s", before);
	else
		log_warn("stored beside name=%s: %s row%s; other content than the file of this name before, whose %s "
		         "row%s stay",
		    show, rows, o->rows == 1 ? "" : "s", before, beside == 1 ? "" : "s");
}

void settled_hear(void *context, const struct follow_news *n)
{
	struct settled *s = context;
	const struct ledger_original *o = n->original;
	struct board *b = s->board;
	bool committed = o->state == LEDGER_COMMITTED;
	struct err e;
	/* Only for people who look at open claims; what does not succeed now, the next start does. */
	if (s->settings->claim_shared && claim_done(s->store, n->pipeline->name, o->sha256, &e) != RC_OK)
		log_debug("claim: %s", e.text);
	if (n->awaited) {
		board_add(b, committed ? BOARD_COMMITTED : BOARD_REFUSED, 1);
		board_add(b, BOARD_FILES_DONE, 1);
		board_add(b, BOARD_BYTES_DONE, o->size);
		board_add(b, BOARD_ROWS, o->rows);
		board_add(b, BOARD_REJECTS, o->rejects);
		board_add(b, BOARD_NULLS, n->nulls);
	}
	if (n->awaited && !s->named_at_end)
		tell_loss(o);
	if (n->awaited && n->beside > 0 && o->rows > 0)
		tell_beside(o, n->beside);
	if (committed && (o->after_dev != 0 || o->after_ino != 0)) {
		const struct looks was = {
		    .dev = o->after_dev, .ino = o->after_ino, .size = o->size, .mtime_ns = o->after_mtime_ns};
		settled_source(s, n->pipeline, o->source, &was);
	}
}
