/*
 * A folder is read whole and sorted before its entries come out: files come in the order of their names, which for
 * telemetry is the order of time, no descriptor stays open between two calls, and a folder that changes meanwhile can't
 * make the reading endless.
 */
#include "pipe/walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

enum { DEPTH_MAX = 64 };

struct name {
	char *text;
	unsigned char type; /* of readdir */
};

struct level {
	char *path;
	struct name *name;
	size_t count, at;
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
	for (size_t i = l->at; i < l->count; i++)
		mem_free(&l->name[i].text);
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

static int read_folder(const char *path, struct level *out)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	size_t capacity = 0;
	if (dir == NULL)
		return errno;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (out->count == capacity) {
			capacity = mem_grow(capacity, out->count + 1);
			out->name = mem_resize(out->name, capacity * sizeof *out->name);
		}
		out->name[out->count++] = (struct name){mem_text(entry->d_name), entry->d_type};
	}
	closedir(dir);
	if (out->count > 0)
		qsort(out->name, out->count, sizeof *out->name, by_name);
	return 0;
}

static bool is_folder(const char *path, unsigned char type)
{
	struct stat st;
	if (type != DT_UNKNOWN)
		return type == DT_DIR;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Read the folder that was announced. 0, or why not. */
static int enter(struct walk *w)
{
	if (w->depth == DEPTH_MAX)
		return ELOOP;
	struct level *l = &w->level[w->depth];
	*l = (struct level){.path = w->enter};
	int sys = read_folder(w->enter, l);
	if (sys == 0) {
		w->depth++;
		w->enter = NULL;
	}
	return sys;
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
	while (w->depth > 0 && w->level[w->depth - 1].at == w->level[w->depth - 1].count)
		leave(&w->level[--w->depth]);
	if (w->depth == 0)
		return false;
	struct level *l = &w->level[w->depth - 1];
	struct name *name = &l->name[l->at++];
	mem_free(&w->path);
	w->path = file_join(l->path, name->text);
	mem_free(&name->text);
	bool folder = is_folder(w->path, name->type);
	*out = (struct walk_entry){.kind = !folder        ? WALK_ENTRY
	                                   : w->recursive ? WALK_FOLDER
	                                                  : WALK_SHUT,
	    .path = w->path};
	if (out->kind == WALK_FOLDER)
		w->enter = mem_text(w->path);
	return true;
}
