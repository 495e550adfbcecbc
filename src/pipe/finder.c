/*
 * What a rescan, inotify and the command line have in common: a path is looked at, compared with what the ledger knows
 * of it, and taken up if that is not what is there.
 */
#include "pipe/finder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/after.h"
#include "pipe/figures.h"
#include "pipe/held.h"
#include "pipe/lease.h"
#include "pipe/limits.h"
#include "pipe/walk.h"
#include "pipe/watch.h"

enum {
	STEP = 1000, /* entries or events looked at in one step */
	LATER_MS = 50,
	LATER_LARGE_MS = 1000,
	LARGE = 1 << 20,
	NS_PER_MS = 1000000,
	PATIENCE = 10, /* settle times that a run which ends gives to a file that grows */
	PATIENCE_LEAST_MS = 2000,
};

enum how { SCANNED, SEALED, NAMED };

/* Names that a tool gives to what it has not finished. */
static const struct {
	const char *dissector, *pattern;
} unfinished[] = {
    {"nfcapd", "*.current*"},
};

struct search { /* a walk to come or under way */
	struct search *next;
	const struct pipeline *pipeline;
	char *root;
	bool recursive;
	struct walk *walk;
};

struct finder {
	struct finder_params params;
	struct ledger *ledger;
	struct held held;
	size_t working;       /* items that others have */
	struct watch **watch; /* one per pipeline, NULL: none (yet) */
	struct search *search, **last;
	size_t named;     /* paths of the command line looked at */
	bool rescan;      /* wanted as soon as no walk is under way */
	bool watching;    /* the first look has begun */
	bool watch_short; /* said already that the system gives no more watches */
	bool *missing;    /* per pipeline: said already that its folder is not there */
	struct mono scanned;
};

struct finder *finder_new(const struct finder_params *p, struct ledger *ledger)
{
	struct finder *f = mem_zero(1, sizeof *f);
	f->params = *p;
	f->ledger = ledger;
	f->watch = mem_zero(p->settings->pipelines + 1, sizeof(struct watch *));
	f->missing = mem_zero(p->settings->pipelines + 1, sizeof *f->missing);
	f->last = &f->search;
	f->rescan = p->only == NULL;
	held_init(&f->held);
	return f;
}

static void search_free(struct search **s)
{
	walk_free(&(*s)->walk);
	mem_free(&(*s)->root);
	mem_free(s);
}

void finder_free(struct finder **f)
{
	if (*f == NULL)
		return;
	while ((*f)->search != NULL) {
		struct search *next = (*f)->search->next;
		search_free(&(*f)->search);
		(*f)->search = next;
	}
	for (size_t i = 0; i < (*f)->params.settings->pipelines; i++)
		watch_close(&(*f)->watch[i]);
	mem_free(&(*f)->watch);
	mem_free(&(*f)->missing);
	held_fini(&(*f)->held);
	ledger_close(&(*f)->ledger);
	mem_free(f);
}

static void search_add(struct finder *f, const struct pipeline *p, const char *root, bool recursive)
{
	struct search *s = mem_zero(1, sizeof *s);
	s->pipeline = p;
	s->root = mem_text(root);
	s->recursive = recursive;
	*f->last = s;
	f->last = &s->next;
}

static bool in_after_folder(const struct finder *f, const char *path)
{
	const struct settings *s = f->params.settings;
	for (size_t i = 0; i < s->pipelines; i++) {
		const char *dir = s->pipeline[i].after == AFTER_MOVE ? s->pipeline[i].after_dir : NULL;
		size_t len = dir != NULL ? strlen(dir) : 0;
		if (len > 0 && strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0'))
			return true;
	}
	return false;
}

static bool is_unfinished(const struct pipeline *p, const char *name)
{
	for (size_t i = 0; i < sizeof unfinished / sizeof unfinished[0]; i++)
		if (strcmp(unfinished[i].dissector, p->dissector->name) == 0 && str_match(unfinished[i].pattern, name))
			return true;
	return false;
}

static bool wanted(const struct finder *f, const struct pipeline *p, const char *path, enum how how)
{
	const char *name = file_name(path);
	if (name[0] == '.' || is_unfinished(p, name))
		return false;
	if (how == NAMED)
		return true;
	return (p->pattern == NULL || str_match(p->pattern, name)) && !in_after_folder(f, path);
}

static struct item *take_up(
    struct finder *f, const struct pipeline *p, enum item_task task, const char *path, const struct stat *st)
{
	struct item *it = item_new(p, task, path);
	looks_of(st, &it->looks);
	it->seen_ms = clock_wall().ns / NS_PER_MS;
	it->explicit_again = f->params.again;
	it->leave_source = f->params.only != NULL;
	it->since = clock_mono();
	held_add(&f->held, it);
	board_add(f->params.board, BOARD_FILES, 1);
	metric_add(board_figures(f->params.board), FIGURE_FILES_SEEN, 1);
	return it;
}

static void note(
    struct finder *f, const struct pipeline *p, const char *path, const struct stat *st, bool retry, const char *why)
{
	struct item *it = take_up(f, p, ITEM_NOTE, path, st);
	item_aside(it, "%s", why);
	it->retry_note = retry;
	held_ready(&f->held, it);
}

static bool settled_long_ago(const struct item *it)
{
	int64_t age_ns = clock_wall().ns - it->looks.mtime_ns;
	return age_ns >= it->pipeline->settle_ms * NS_PER_MS;
}

/* What a rescan finds committed, the same as when it was read: `after:` was not reached, or the original was somebody
 * else's. */
static void finish_source(struct finder *f, const struct pipeline *p, const char *path, const struct stat *st,
    const struct ledger_path *known)
{
	struct ledger_original o;
	struct looks now;
	struct err e;
	if (p->after == AFTER_KEEP || known->state == LEDGER_PATH_ASIDE || f->params.only != NULL)
		return;
	uint8_t sha256[SHA256_BYTES];
	memcpy(sha256, known->sha256, sizeof sha256);
	looks_of(st, &now);
	if (ledger_newest(f->ledger, p->name, sha256, &o, &e) != RC_OK || o.state != LEDGER_COMMITTED ||
	    after_apply(p, path, &now, &e) != RC_OK)
		return;
	struct item *it = item_new(p, ITEM_FORGET, path);
	it->looks = now;
	held_add(&f->held, it);
	held_ready(&f->held, it);
}

static bool same_looks(const struct stat *st, const struct ledger_path *known)
{
	struct looks now;
	const struct looks then = {known->dev, known->ino, known->size, known->mtime_ns, known->ctime_ns};
	looks_of(st, &now);
	return looks_same(&now, &then);
}

/* Nothing new: true. Else what the ledger knows of the path goes along. */
static bool known_already(struct finder *f, const struct pipeline *p, const char *path, const struct stat *st,
    enum how how, struct ledger_path *known, bool *found)
{
	struct err e;
	enum rc rc = ledger_path(f->ledger, p->name, path, known, &e);
	*found = rc == RC_OK;
	if (rc != RC_OK) {
		if (rc != RC_END)
			log_warn("a path is not known to the ledger: %s", e.text);
		return false;
	}
	if (!same_looks(st, known) || f->params.again || (known->retry && how != SEALED))
		return false;
	if (f->params.only != NULL) {
		bool aside = known->state == LEDGER_PATH_ASIDE;
		board_add(f->params.board, BOARD_FILES, 1);
		board_add(f->params.board, BOARD_FILES_DONE, 1);
		board_add(f->params.board, aside ? BOARD_ASIDE : BOARD_DOUBLED, 1);
	}
	finish_source(f, p, path, st, known);
	return true;
}

static void new_file(struct finder *f, const struct pipeline *p, const char *path, const struct stat *st, enum how how,
    const struct ledger_path *known)
{
	struct item *it = take_up(f, p, ITEM_TAKE, path, st);
	board_add(f->params.board, BOARD_BYTES, it->looks.size);
	if (known != NULL && known->taken) {
		it->known = true;
		it->known_size = known->taken_size;
		memcpy(it->known_sha256, known->sha256, SHA256_BYTES);
	}
	it->settled = how != SEALED;
	if (how == SEALED || (f->params.once && settled_long_ago(it) && !lease_writer(path)))
		held_ready(&f->held, it);
	else
		held_wait(&f->held, it, ITEM_SETTLING, p->settle_ms);
}

static void cannot_stat(struct finder *f, const struct pipeline *p, const char *path, int sys)
{
	const struct stat none = {.st_size = 0};
	char why[ITEM_NOTE_MAX];
	if ((sys == ENOENT || sys == ENOTDIR) && f->params.only == NULL)
		return; /* gone before anybody looked: nothing was there to take */
	snprintf(why, sizeof why, "%s",
	    sys == EACCES || sys == EPERM ? "no permission to read it"
	    : sys == ENOENT               ? "no such file"
	                                  : strerror(sys));
	note(f, p, path, &none, true, why);
}

/* A path came up. */
static void look_at(struct finder *f, const struct pipeline *p, const char *path, enum how how)
{
	struct stat st;
	struct ledger_path known;
	bool found = false;
	if (!wanted(f, p, path, how))
		return;
	struct item *it = held_find(&f->held, p, path);
	if (it != NULL) {
		if (it->wait == ITEM_WORKING || it->wait == ITEM_READY) {
			it->dirty = how == SEALED || it->dirty;
		} else if (how == SEALED && it->wait == ITEM_SETTLING) {
			it->settled = false;
			held_ready(&f->held, it);
		}
		return;
	}
	if (lstat(path, &st) != 0) {
		cannot_stat(f, p, path, errno);
		return;
	}
	if (known_already(f, p, path, &st, how, &known, &found))
		return;
	if (S_ISREG(st.st_mode))
		new_file(f, p, path, &st, how, found ? &known : NULL);
	else
		note(f, p, path, &st, false,
		    S_ISLNK(st.st_mode)   ? "symbolic link: not followed"
		    : S_ISDIR(st.st_mode) ? "a folder"
		                          : "not a regular file");
}

static void watch_folder(struct finder *f, const struct pipeline *p, const char *path)
{
	struct watch **w = &f->watch[p - f->params.settings->pipeline];
	struct err e;
	enum rc rc = *w != NULL ? RC_OK : watch_open(w, &e);
	if (rc == RC_OK)
		rc = watch_add(*w, path, &e);
	if (rc == RC_AGAIN && !f->watch_short) {
		log_warn("some folders are only rescanned, not watched: %s", e.text);
		f->watch_short = true;
	}
}

static void walked(struct finder *f, const struct search *s, const struct walk_entry *entry)
{
	switch (entry->kind) {
	case WALK_FOLDER:
		/* Before it is read: what comes after the reading is seen by the watch. */
		if (!f->params.once && f->params.only == NULL)
			watch_folder(f, s->pipeline, entry->path);
		break;
	case WALK_UNREADABLE:
		if (entry->sys != ENOENT && entry->sys != ENOTDIR) {
			struct stat st = {.st_size = 0};
			char why[ITEM_NOTE_MAX];
			(void)!lstat(entry->path, &st);
			snprintf(why, sizeof why, "folder can't be read: %s", strerror(entry->sys));
			if (held_find(&f->held, s->pipeline, entry->path) == NULL)
				note(f, s->pipeline, entry->path, &st, true, why);
		} else if (strcmp(entry->path, s->root) == 0) {
			bool *missing = &f->missing[s->pipeline - f->params.settings->pipeline];
			if (!*missing)
				log_warn("pipeline %s: %s is not there", s->pipeline->name, s->root);
			*missing = true;
		}
		break;
	default:
		look_at(f, s->pipeline, entry->path, SCANNED);
	}
}

static bool full(const struct finder *f)
{
	return f->held.count >= f->params.settings->collect_pending;
}

/* Walk on. */
static bool step_walk(struct finder *f)
{
	size_t looked = 0;
	while (f->search != NULL && looked < STEP && !full(f)) {
		struct search *s = f->search;
		struct walk_entry entry;
		if (s->walk == NULL)
			s->walk = walk_new(s->root, s->recursive);
		if (walk_next(s->walk, &entry)) {
			if (entry.kind == WALK_READING)
				return true;
			looked++;
			walked(f, s, &entry);
			continue;
		}
		f->search = s->next;
		if (f->search == NULL)
			f->last = &f->search;
		search_free(&s);
	}
	return looked > 0;
}

/* Take what inotify says. When too much is pending, events are dropped and a rescan makes up for it: memory stays
 * bounded. */
static bool step_watch(struct finder *f)
{
	bool any = false;
	for (size_t i = 0; i < f->params.settings->pipelines; i++) {
		const struct pipeline *p = &f->params.settings->pipeline[i];
		struct watch_event ev;
		for (size_t n = 0; f->watch[i] != NULL && n < STEP && watch_next(f->watch[i], &ev); n++) {
			any = true;
			if (ev.kind == WATCH_OVERFLOW || full(f))
				f->rescan = true;
			else if (ev.kind == WATCH_SEALED)
				look_at(f, p, ev.path, SEALED);
			else if (p->recursive && file_name(ev.path)[0] != '.')
				search_add(f, p, ev.path, true);
		}
	}
	return any;
}

static void forget(struct finder *f, struct item *it)
{
	held_remove(&f->held, it);
	item_free(&it);
}

/* Its time has come: is it still what it was? */
static void settle(struct finder *f, struct item *it)
{
	struct stat st;
	struct looks now;
	int64_t settle_ms = it->pipeline->settle_ms;
	int64_t patience = PATIENCE * settle_ms > PATIENCE_LEAST_MS ? PATIENCE * settle_ms : PATIENCE_LEAST_MS;
	held_unwait(&f->held, it);
	it->wait = ITEM_FOUND;
	if (lstat(it->source, &st) != 0 || !S_ISREG(st.st_mode)) {
		/* Whatever it is now is looked at afresh; a file that went is reported where it is opened. */
		held_ready(&f->held, it);
		return;
	}
	looks_of(&st, &now);
	bool same = looks_same(&now, &it->looks);
	it->looks = now;
	bool calm = same && (settled_long_ago(it) || now.mtime_ns > clock_wall().ns);
	if (calm && !lease_writer(it->source)) {
		held_ready(&f->held, it);
	} else if (f->params.once && mono_since(it->since) > patience) {
		it->task = ITEM_NOTE;
		item_aside(it, "still being written");
		held_ready(&f->held, it);
	} else {
		held_wait(&f->held, it, ITEM_SETTLING, settle_ms);
	}
}

static bool step_waiting(struct finder *f)
{
	int64_t now = clock_mono().ms;
	bool any = false;
	if (f->held.next_due.ms > now)
		return false;
	f->held.next_due.ms = INT64_MAX;
	for (struct item *it = f->held.waiting, *next; it != NULL; it = next) {
		next = it->next_waiting;
		if (it->due.ms > now) {
			held_due(&f->held, it->due);
			continue;
		}
		any = true;
		if (it->wait == ITEM_SETTLING)
			settle(f, it);
		else
			held_ready(&f->held, it);
	}
	return any;
}

/* A path of the command line: links in it are the user's own and are followed. */
static bool step_named(struct finder *f)
{
	if (f->params.only == NULL || f->named == f->params.paths || full(f))
		return false;
	const char *given = f->params.path[f->named++];
	char *path = realpath(given, NULL);
	struct stat st;
	if (path == NULL)
		cannot_stat(f, f->params.only, given, errno);
	else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		search_add(f, f->params.only, path, true);
	else
		look_at(f, f->params.only, path, NAMED);
	free(path);
	return true;
}

static bool rescans(const struct finder *f)
{
	return !f->params.once && f->params.only == NULL;
}

static void step_rescan(struct finder *f)
{
	const struct settings *s = f->params.settings;
	bool due = rescans(f) && mono_since(f->scanned) >= s->rescan_ms;
	if ((!f->rescan && !due) || f->search != NULL || full(f))
		return;
	f->rescan = false;
	f->scanned = clock_mono();
	/* All of them before the first walk: what lies in one folder must not keep the others from being watched. */
	for (size_t i = 0; i < s->pipelines && rescans(f); i++)
		watch_folder(f, &s->pipeline[i], s->pipeline[i].watch);
	for (size_t i = 0; i < s->pipelines; i++)
		search_add(f, &s->pipeline[i], s->pipeline[i].watch, s->pipeline[i].recursive);
}

bool finder_step(struct finder *f)
{
	struct metric_slot *figures = board_figures(f->params.board);
	limit_set(figures, LIMIT_COLLECT_PENDING, f->held.count);
	limit_full(figures, LIMIT_COLLECT_PENDING, full(f) && (f->search != NULL || f->rescan));
	step_rescan(f);
	f->watching = true;
	bool any = step_watch(f);
	any |= step_named(f);
	any |= step_walk(f);
	any |= step_waiting(f);
	return any;
}

struct item *finder_take(struct finder *f)
{
	struct item *it = items_take(&f->held.ready);
	if (it == NULL)
		return NULL;
	it->wait = ITEM_WORKING;
	f->working++;
	return it;
}

void finder_return(struct finder *f, struct item *it)
{
	f->working--;
	it->wait = ITEM_FOUND;
	if (it->task != ITEM_FORGET && it->outcome == ITEM_LATER) {
		it->outcome = ITEM_TAKEN;
		/* A twin on its way is soon written down; but reading a large file again costs more than waiting. */
		held_wait(&f->held, it, ITEM_DELAYED, it->looks.size > LARGE ? LATER_LARGE_MS : LATER_MS);
		return;
	}
	if (it->task == ITEM_TAKE && it->outcome == ITEM_ASIDE && it->unsettled) {
		it->outcome = ITEM_TAKEN;
		it->settled = !it->dirty;
		if (it->dirty) {
			it->dirty = false;
			held_ready(&f->held, it);
			return;
		}
		held_wait(&f->held, it, ITEM_SETTLING, it->pipeline->settle_ms);
		return;
	}
	bool dirty = it->dirty;
	char *path = dirty ? mem_text(it->source) : NULL;
	const struct pipeline *p = it->pipeline;
	forget(f, it);
	if (dirty)
		look_at(f, p, path, SEALED);
	mem_free(&path);
}

bool finder_watching(const struct finder *f)
{
	return f->watching;
}

bool finder_scanning(const struct finder *f)
{
	return f->rescan || f->search != NULL || (f->params.only != NULL && f->named < f->params.paths);
}

unsigned finder_missing(const struct finder *f)
{
	unsigned missing = 0;
	for (size_t i = 0; i < f->params.settings->pipelines; i++)
		missing += f->missing[i];
	return missing;
}

size_t finder_pending(const struct finder *f)
{
	return f->held.count + f->held.ready.count + f->working + (f->held.waiting != NULL);
}

size_t finder_poll(const struct finder *f, struct pollfd *fds, size_t max, int64_t *due_ms)
{
	const struct settings *s = f->params.settings;
	int64_t now = clock_mono().ms, due = INT64_MAX;
	size_t n = 0;
	for (size_t i = 0; i < s->pipelines && n < max; i++)
		if (f->watch[i] != NULL)
			fds[n++] = (struct pollfd){.fd = watch_fd(f->watch[i]), .events = POLLIN};
	if (rescans(f))
		due = f->scanned.ms + s->rescan_ms - now;
	if (f->held.waiting != NULL && f->held.next_due.ms - now < due)
		due = f->held.next_due.ms - now;
	if (finder_scanning(f) && !full(f))
		due = 0;
	*due_ms = due > 0 ? due : 0;
	return n;
}
