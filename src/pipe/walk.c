/*
 * A folder is read whole and sorted before its entries come out: files come in the order of their names, which for
 * telemetry is the order of time, no descriptor stays open while others look at an entry, and a folder that changes
 * meanwhile can't make the reading endless. Reading and sorting a hundred thousand names takes a tenth of a second, in
 * which the caller would do nothing else: so a folder is read in pieces, each sorted, and the pieces are merged as
 * entries come out.
 */
#include "pipe/walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

enum { DEPTH_MAX = 64, PIECE = 2048 };

struct name {
	char *text;
	unsigned char type; /* of readdir */
};

struct run { /* of names, sorted: those that did not come out yet; never empty */
	size_t at, end;
};

struct level {
	char *path;
	DIR *dir; /* until it is read whole */
	struct name *name;
	size_t count, capacity;
	struct run *run; /* a heap by their first names once the folder is read */
	size_t runs;
};

struct walk {
	bool recursive;
	bool begun;
	char *enter; /* folder that the next call reads */
	struct level level[DEPTH_MAX];
	size_t depth;
	char *path; /* of the entry that came out last */
};

struct walk *walk_new(const char *root, bool recursive)
{
	struct walk *w = mem_zero(1, sizeof *w);
	w->recursive = recursive;
	w->path = mem_text(root);
	return w;
}

static void leave(struct level *l)
{
	for (size_t i = 0; i < l->runs; i++)
		for (size_t n = l->run[i].at; n < l->run[i].end; n++)
			mem_free(&l->name[n].text);
	if (l->dir != NULL)
		closedir(l->dir);
	mem_free(&l->run);
	mem_free(&l->name);
	mem_free(&l->path);
}

void walk_free(struct walk **w)
{
	if (*w == NULL)
		return;
	while ((*w)->depth > 0)
		leave(&(*w)->level[--(*w)->depth]);
	mem_free(&(*w)->enter);
	mem_free(&(*w)->path);
	mem_free(w);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

/* ---- the heap of runs ---- */

static bool earlier(const struct level *l, size_t a, size_t b)
{
	return by_name(&l->name[l->run[a].at], &l->name[l->run[b].at]) < 0;
}

static void sift_down(struct level *l, size_t at)
{
	for (;;) {
		size_t least = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < l->runs; child++)
			if (earlier(l, child, least))
				least = child;
		if (least == at)
			return;
		struct run moved = l->run[at];
		l->run[at] = l->run[least];
		l->run[least] = moved;
		at = least;
	}
}

/* The first of all names; there is one. The text is the caller's. */
static struct name take_first(struct level *l)
{
	struct run *r = &l->run[0];
	struct name first = l->name[r->at++];
	if (r->at == r->end)
		*r = l->run[--l->runs];
	sift_down(l, 0);
	return first;
}

/* ---- reading ---- */

/* A piece more of the folder. false: that was the end. */
static bool read_on(struct level *l)
{
	const struct dirent *entry = NULL;
	size_t from = l->count;
	while (l->count - from < PIECE && (entry = readdir(l->dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (l->count == l->capacity) {
			l->capacity = mem_grow(l->capacity, l->count + 1);
			l->name = mem_resize(l->name, l->capacity * sizeof *l->name);
		}
		l->name[l->count++] = (struct name){mem_text(entry->d_name), entry->d_type};
	}
	if (l->count > from) {
		qsort(l->name + from, l->count - from, sizeof *l->name, by_name);
		l->run = mem_resize(l->run, (l->runs + 1) * sizeof *l->run);
		l->run[l->runs++] = (struct run){from, l->count};
	}
	if (entry != NULL)
		return true;
	closedir(l->dir);
	l->dir = NULL;
	for (size_t i = l->runs / 2; i > 0; i--)
		sift_down(l, i - 1);
	return false;
}

static bool is_folder(const char *path, unsigned char type)
{
	struct stat st;
	if (type != DT_UNKNOWN)
		return type == DT_DIR;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Open the folder that was announced. 0, or why not. */
static int enter(struct walk *w)
{
	if (w->depth == DEPTH_MAX)
		return ELOOP;
	DIR *dir = opendir(w->enter);
	if (dir == NULL)
		return errno;
	w->level[w->depth++] = (struct level){.path = w->enter, .dir = dir};
	w->enter = NULL;
	return 0;
}

bool walk_next(struct walk *w, struct walk_entry *out)
{
	if (!w->begun) {
		w->begun = true;
		w->enter = mem_text(w->path);
		*out = (struct walk_entry){.kind = WALK_FOLDER, .path = w->enter};
		return true;
	}
	if (w->enter != NULL) {
		int sys = enter(w);
		if (sys != 0) {
			mem_free(&w->path);
			w->path = w->enter;
			w->enter = NULL;
			*out = (struct walk_entry){.kind = WALK_UNREADABLE, .path = w->path, .sys = sys};
			return true;
		}
	}
	if (w->depth > 0 && w->level[w->depth - 1].dir != NULL && read_on(&w->level[w->depth - 1])) {
		*out = (struct walk_entry){.kind = WALK_READING, .path = w->level[w->depth - 1].path};
		return true;
	}
	while (w->depth > 0 && w->level[w->depth - 1].runs == 0)
		leave(&w->level[--w->depth]);
	if (w->depth == 0)
		return false;
	struct level *l = &w->level[w->depth - 1];
	struct name name = take_first(l);
	mem_free(&w->path);
	w->path = file_join(l->path, name.text);
	mem_free(&name.text);
	bool folder = is_folder(w->path, name.type);
	*out = (struct walk_entry){.kind = !folder        ? WALK_ENTRY
	                                   : w->recursive ? WALK_FOLDER
	                                                  : WALK_SHUT,
	    .path = w->path};
	if (out->kind == WALK_FOLDER)
		w->enter = mem_text(w->path);
	return true;
}
