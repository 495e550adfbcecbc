/*
 * naming: gives finished files their names. RENAME with renameoptions=NONE is the one call of HDFS that never
 * replaces and has one winner; when its answer says no, or does not come, only a look at both names tells what
 * happened.
 */
#include "store/webhdfs/webhdfs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"

#define TEMP_DIR "_sluice/tmp"

enum { STALE_S = 24 * 3600, SWEEP_MAX = 1000 };

enum seen { SEEN_SOURCE = 1, SEEN_TARGET = 2 };

/* Which of both are there. The source is looked at first: one that moves meanwhile is then seen at its target. */
static enum rc look(struct webhdfs *w, const struct store_move *m, unsigned *out, struct err *e)
{
	struct store_stat st;
	enum rc source = client_stat(w, m->from, &st, e);
	if (source != RC_OK && source != RC_END)
		return source;
	enum rc target = client_stat(w, m->to, &st, e);
	if (target != RC_OK && target != RC_END)
		return target;
	/* Both: it may have been moved between the two looks. */
	if (source == RC_OK && target == RC_OK && (source = client_stat(w, m->from, &st, e)) != RC_OK &&
	    source != RC_END)
		return source;
	*out = (source == RC_OK ? SEEN_SOURCE : 0u) | (target == RC_OK ? SEEN_TARGET : 0u);
	return RC_OK;
}

static enum rc rename_once(struct webhdfs *w, const struct store_move *m, struct answer *a, struct err *e)
{
	struct writer params;
	struct http_call *h = NULL;
	writer_init(&params, URL_MAX);
	writer_text(&params, "&renameoptions=NONE&destination=");
	client_path(w, m->to, &params);
	writer_u8(&params, '\0');
	const struct call c = {
	    .method = HTTP_PUT, .path = m->from, .op = "RENAME", .params = (const char *)params.bytes};
	enum rc rc = client_call(w, &c, a, &h, e);
	http_close(&h);
	writer_fini(&params);
	return rc;
}

static enum rc make_parent(struct webhdfs *w, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char *parent = slash != NULL ? mem_text_n(path, (size_t)(slash - path)) : mem_text("");
	enum rc rc = client_mkdirs(w, parent, e);
	mem_free(&parent);
	return rc;
}

/* RC_OK: the target is there and the source is not. RC_END: both. RC_BAD: neither, or it can never be. */
static enum rc move_one(struct webhdfs *w, const struct store_move *m, struct err *e)
{
	struct backoff b = backoff_begin(RETRY_MS);
	bool made = false;
	for (;;) {
		struct answer a;
		unsigned seen = 0;
		enum rc rc = rename_once(w, m, &a, e);
		if (rc != RC_OK || a.kind == ANSWER_OK)
			return rc;
		if (a.kind == ANSWER_NOT_DIRECTORY)
			return client_error(w, m->to, &a, e);
		rc = look(w, m, &seen, e);
		if (rc != RC_OK)
			return rc;
		if (seen == SEEN_TARGET)
			return RC_OK; /* done before, by us or by the one we took over from */
		if (seen == (SEEN_SOURCE | SEEN_TARGET)) {
			err_set(RC_END, e, "%.400s", m->to);
			return RC_END;
		}
		if (seen == 0)
			return err_set(RC_BAD, e, "%.200s: is gone, and %.200s is not there", m->from, m->to);
		if (a.kind == ANSWER_ABSENT && !made) {
			rc = make_parent(w, m->to, e);
			made = true;
			if (rc != RC_OK)
				return rc;
		} else if (!backoff_wait(w, &b)) {
			return client_error(w, m->to, &a, e);
		} else {
			made = false; /* a directory may come and go */
		}
	}
}

enum rc naming_publish(struct store *s, const struct store_move *move, size_t moves, size_t *done, struct err *e)
{
	struct webhdfs *w = webhdfs_of(s);
	enum rc rc = RC_OK;
	size_t i = 0;
	while (i < moves && (rc = move_one(w, &move[i], e)) == RC_OK && (rc = FAULT(STORE_RENAMED, e)) == RC_OK)
		i++;
	*done = i;
	return rc;
}

enum rc naming_put_if_absent(struct store *s, const char *path, const void *bytes, size_t size, struct err *e)
{
	struct webhdfs *w = webhdfs_of(s);
	char host[65] = "";
	struct err ignored;
	(void)gethostname(host, sizeof host - 1);
	host[strcspn(host, "/")] = '\0';
	/* Nobody else has this name, so whether it is still there says who won. */
	char *temp = mem_format(TEMP_DIR "/%s.%lld.%lld.%llu", host, (long long)getpid(), (long long)clock_wall().ns,
	    (unsigned long long)w->temps++);
	const struct store_move move = {temp, path};
	enum rc rc = upload_put(w, temp, bytes, size, e);
	if (rc == RC_OK)
		rc = FAULT(STORE_TEMP_SYNCED, e);
	if (rc == RC_OK) {
		rc = move_one(w, &move, e);
		if (rc != RC_OK)
			(void)!client_remove(w, temp, &ignored);
	}
	if (rc == RC_OK)
		rc = FAULT(STORE_TEMP_PLACED, e);
	mem_free(&temp);
	return rc;
}

void naming_sweep(struct webhdfs *w)
{
	char **names = NULL;
	size_t count = 0;
	struct err ignored;
	int64_t now_ns = clock_wall().ns;
	if (list_names(&w->store, TEMP_DIR, NULL, SWEEP_MAX, &names, &count, &ignored) != RC_OK)
		return;
	for (size_t i = 0; i < count; i++) {
		struct store_stat st;
		char *path = mem_format(TEMP_DIR "/%s", names[i]);
		bool stale = client_stat(w, path, &st, &ignored) == RC_OK && !st.directory &&
		             (now_ns - st.modified_ns) / NS_PER_S > STALE_S;
		bool gone = !stale || client_remove(w, path, &ignored) == RC_OK;
		mem_free(&path);
		if (!gone)
			break;
	}
	store_list_free(&names, count);
}
