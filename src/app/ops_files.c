/* A filter may match nothing in a million entries: one request goes through so many and says where to go on. */
#include "app/ops_files.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/ledger.h"

enum { COUNT = 100, COUNT_MOST = 500, LOOKED_AT = 20000, HTTP_BAD = 400, HTTP_UNAVAILABLE = 503 };

static const char *const state_name[LEDGER_STATES] = {"archived", "published", "committed", "refused"};

struct ops_files {
	const struct config *config;
	struct ledger *ledger; /* opened when there is one */
};

struct window {
	json_t *list;
	int64_t count;
	int state; /* -1: any */
	const char *pipeline, *text;
	unsigned looked_at;
	uint64_t next; /* go on below it; 0: nothing is left */
};

struct ops_files *ops_files_new(const struct config *config)
{
	struct ops_files *f = mem_zero(1, sizeof *f);
	f->config = config;
	return f;
}

void ops_files_free(struct ops_files **f)
{
	if (*f == NULL)
		return;
	ledger_close(&(*f)->ledger);
	mem_free(f);
}

static json_t *one_file(uint64_t number, const struct ledger_original *o)
{
	bool refused = o->state == LEDGER_REFUSED;
	return json_pack("{s:I, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "number", (json_int_t)number,
	    "path", json_escaped(o->source[0] != '\0' ? o->source : o->path), "pipeline", o->pipeline, "state",
	    state_name[o->state], "size", (json_int_t)o->size, "rows", (json_int_t)o->rows, "rejects",
	    (json_int_t)o->rejects, "seen_ms", (json_int_t)o->seen_ms, "published_ms", (json_int_t)o->published_ms,
	    "committed_ms", (json_int_t)o->committed_ms, "reason",
	    json_escaped(refused && o->note != NULL ? o->note : ""));
}

static bool fits(const struct window *w, const struct ledger_original *o)
{
	const char *path = o->source[0] != '\0' ? o->source : o->path;
	return (w->state < 0 || (int)o->state == w->state) &&
	       (w->pipeline == NULL || strcmp(w->pipeline, o->pipeline) == 0) &&
	       (w->text == NULL || strcasestr(path, w->text) != NULL);
}

static bool see_file(void *context, uint64_t number, const struct ledger_original *o)
{
	struct window *w = context;
	if ((int64_t)json_array_size(w->list) == w->count || w->looked_at == LOOKED_AT)
		return false;
	w->looked_at++;
	w->next = number;
	if (fits(w, o))
		json_array_append_new(w->list, one_file(number, o));
	return true;
}

static bool see_newest(void *context, uint64_t number, const struct ledger_original *o)
{
	*(uint64_t *)context = number;
	return false;
}

static json_t *failed(unsigned *status, unsigned code, const char *why)
{
	*status = code;
	return json_pack("{s:s}", "error", why);
}

static const char *given(const struct server_query *q, const char *name)
{
	const char *text = server_argument(q, name);
	return text != NULL && text[0] != '\0' ? text : NULL;
}

static enum rc number_given(const struct server_query *q, const char *name, int64_t most, int64_t *out, struct err *e)
{
	const char *text = given(q, name);
	return text != NULL ? str_number(text, 1, most, out, e) : RC_OK;
}

static enum rc state_given(const struct server_query *q, int *out, struct err *e)
{
	const char *text = given(q, "state");
	*out = -1;
	for (int i = 0; text != NULL && i < LEDGER_STATES; i++)
		if (strcmp(text, state_name[i]) == 0)
			*out = i;
	return text == NULL || *out >= 0 ? RC_OK : err_set(RC_BAD, e, "no such state");
}

/* RC_END: there is none yet, and reading makes none. */
static enum rc open_ledger(struct ops_files *f, struct err *e)
{
	const struct settings *s = &f->config->settings;
	char *dir = file_join(s->state, "ledger");
	enum rc rc = f->ledger != NULL        ? RC_OK
	             : access(dir, F_OK) != 0 ? RC_END
	                                      : ledger_open(dir, s->ledger_max_bytes, &f->ledger, e);
	mem_free(&dir);
	return rc;
}

json_t *ops_files_list(struct ops_files *f, const struct server_query *q, unsigned *status)
{
	struct err e;
	int64_t before = 0;
	uint64_t newest = 0;
	struct window w = {.count = COUNT, .pipeline = given(q, "pipeline"), .text = given(q, "text")};
	if (number_given(q, "before", INT64_MAX, &before, &e) != RC_OK ||
	    number_given(q, "count", COUNT_MOST, &w.count, &e) != RC_OK || state_given(q, &w.state, &e) != RC_OK)
		return failed(status, HTTP_BAD, e.text);
	w.list = json_array();
	enum rc rc = open_ledger(f, &e);
	if (rc == RC_OK)
		rc = ledger_each_back(f->ledger, 0, see_newest, &newest, &e);
	if (rc == RC_OK)
		rc = ledger_each_back(f->ledger, (uint64_t)before, see_file, &w, &e);
	if (rc != RC_OK && rc != RC_END) {
		json_decref(w.list);
		return failed(status, HTTP_UNAVAILABLE, e.text);
	}
	/* Numbers begin with 1. */
	uint64_t next = w.next > 1 ? w.next : 0;
	return json_pack("{s:I, s:I, s:o}", "newest", (json_int_t)newest, "next", (json_int_t)next, "files", w.list);
}
