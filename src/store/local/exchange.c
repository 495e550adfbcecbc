/*
 * exchange: some files of a folder for others, in one step that no lister can fall into: the folder that is to be is
 * built beside, of links, and the two folders change names (RENAME_EXCHANGE). What was the folder is then where the
 * files that go are kept, which is why their new names lie in one folder.
 *
 * A file that somebody renames into the folder between our look and the exchange would land in the old one: publishers
 * hold the lake's guard shared while they rename, the exchange holds it alone. Who could not wait for it any longer
 * goes on without; what he brings is linked back right after.
 */
#include "store/local/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "store/local/names.h"

enum {
	GUARD_MS = 5000,
	LISTERS_MS = 50, /* for whoever has opened the folder that went, and has not read it yet */
};

struct exchange {
	struct local *local;
	const char *folder;
	char *kept; /* where the files that go will lie */
	const struct store_move *in, *out;
	size_t ins, outs;
	const char **comes, **goes; /* their names in the folder, sorted */
	int live, next;             /* descriptors of both, -1 */
	bool swapped;
};

static const char *leaf_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

static bool is_there(int dir, const char *name)
{
	struct stat st;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **names_of(const struct store_move *move, size_t moves, bool to)
{
	const char **name = mem_alloc((moves + 1) * sizeof *name);
	for (size_t i = 0; i < moves; i++)
		name[i] = leaf_of(to ? move[i].to : move[i].from);
	qsort(name, moves, sizeof *name, by_name);
	return name;
}

static bool is_in(const char *const *list, size_t count, const char *name)
{
	return bsearch(&name, list, count, sizeof *list, by_name) != NULL;
}

static bool goes(const struct exchange *x, const char *name)
{
	return is_in(x->goes, x->outs, name);
}

static enum rc list_names(int dir, char ***names, size_t *count, struct err *e)
{
	/* A descriptor of its own: listing moves its position. */
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(RC_FAIL, errno, e, "cannot list");
	return names_read(fd, NULL, SIZE_MAX / 2, names, count, e);
}

static int open_folder(struct local *l, const char *path, bool make)
{
	const char *leaf;
	char *inside = mem_format("%s/x", path);
	int fd = beneath_parent(&l->at, inside, make, &leaf);
	int sys = errno;
	mem_free(&inside);
	errno = sys;
	return fd;
}

/* Link a name of one folder into another, which may have it already. */
static enum rc link_in(int from, const char *name, int to, struct err *e)
{
	if (linkat(from, name, to, name, 0) == 0 || errno == EEXIST)
		return RC_OK;
	return err_sys(RC_FAIL, errno, e, "%.200s: cannot link", name);
}

/* A staged file under its final name in the new folder. */
static enum rc link_staged(struct exchange *x, const struct store_move *m, struct err *e)
{
	const char *leaf;
	int from = beneath_parent(&x->local->at, m->from, false, &leaf);
	if (from < 0)
		return errno == ENOENT ? err_set(RC_BAD, e, "%.200s: is gone, and %.200s is not there", m->from, m->to)
		                       : beneath_error(errno, m->from, e, "cannot open its directory");
	int sys = linkat(from, leaf, x->next, leaf_of(m->to), 0) == 0 ? 0 : errno;
	close(from);
	if (sys == ENOENT)
		return err_set(RC_BAD, e, "%.200s: is gone, and %.200s is not there", m->from, m->to);
	return sys == 0 || sys == EEXIST ? RC_OK : beneath_error(sys, m->to, e, "cannot link it");
}

/* RC_END: there is something in the folder that cannot be linked. */
static enum rc link_others(struct exchange *x, struct err *e)
{
	char **names = NULL;
	size_t count = 0;
	enum rc rc = list_names(x->live, &names, &count, e);
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		struct stat st;
		if (goes(x, names[i]))
			continue;
		if (fstatat(x->live, names[i], &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue; /* gone meanwhile */
		rc = S_ISREG(st.st_mode) ? link_in(x->live, names[i], x->next, e) : RC_END;
	}
	store_list_free(&names, count);
	return rc;
}

/* The folder that is to be looks like the one that is: whoever may read that may read this. */
static void same_looks(const struct exchange *x)
{
	struct stat st;
	if (fstat(x->live, &st) != 0)
		return;
	(void)!fchown(x->next, st.st_uid, st.st_gid);
	(void)!fchmod(x->next, st.st_mode & 07777);
}

/* What came since the first look is linked too, and then nobody may publish until the names are exchanged. */
static enum rc swap_names(struct exchange *x, int a, const char *a_leaf, int b, const char *b_leaf, struct err *e)
{
	if (!local_guard(x->local, LOCK_EX, GUARD_MS))
		return err_set(RC_AGAIN, e, "%.300s: others publish without a pause", x->folder);
	enum rc rc = link_others(x, e);
	if (rc == RC_OK && renameat2(a, a_leaf, b, b_leaf, RENAME_EXCHANGE) != 0)
		rc =
		    errno == EINVAL || errno == ENOSYS ? RC_END : beneath_error(errno, x->folder, e, "cannot exchange");
	x->swapped = rc == RC_OK;
	local_unguard(x->local);
	return rc;
}

static enum rc swap_alone(struct exchange *x, struct err *e)
{
	const char *a_leaf, *b_leaf;
	int a = beneath_parent(&x->local->at, x->folder, false, &a_leaf);
	int b = beneath_parent(&x->local->at, x->kept, false, &b_leaf);
	enum rc rc = RC_OK;
	if (a < 0 || b < 0)
		rc = beneath_error(errno, a < 0 ? x->folder : x->kept, e, "cannot open its directory");
	else
		rc = swap_names(x, a, a_leaf, b, b_leaf, e);
	if (rc == RC_OK)
		rc = FAULT(COMPACT_EXCHANGED, e);
	if (rc == RC_OK && (rc = beneath_sync(a, x->folder, e)) == RC_OK)
		rc = beneath_sync(b, x->kept, e);
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return rc;
}

/*
 * Of the kept folder only what went may stay. In the folder that is to be, before the exchange, this takes back every
 * link; after it, what others had in the folder; a file that came at the last moment is linked back first. Who was
 * about to read the folder when the names were exchanged reads this one: he gets time to do so while it is whole.
 */
static enum rc tidy(struct exchange *x, bool swapped, struct err *e)
{
	char **names = NULL;
	size_t count = 0;
	bool waited = false;
	enum rc rc = list_names(x->next, &names, &count, e);
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		if (goes(x, names[i]) && (swapped || !is_there(x->live, names[i])))
			continue;
		if (!is_in(x->comes, x->ins, names[i]))
			rc = link_in(x->next, names[i], x->live, e);
		if (swapped && !waited)
			clock_sleep_ms(LISTERS_MS);
		waited = true;
		if (rc == RC_OK && unlinkat(x->next, names[i], 0) != 0 && errno != ENOENT)
			rc = err_sys(RC_FAIL, errno, e, "%.200s/%.200s: cannot remove", x->kept, names[i]);
	}
	store_list_free(&names, count);
	if (rc == RC_OK)
		rc = beneath_sync(x->live, x->folder, e);
	return rc == RC_OK ? beneath_sync(x->next, x->kept, e) : rc;
}

static void close_both(struct exchange *x)
{
	if (x->live >= 0)
		close(x->live);
	if (x->next >= 0)
		close(x->next);
	x->live = x->next = -1;
}

static enum rc open_both(struct exchange *x, struct err *e)
{
	close_both(x);
	x->live = open_folder(x->local, x->folder, true);
	x->next = open_folder(x->local, x->kept, true);
	if (x->live < 0 || x->next < 0)
		return beneath_error(errno, x->live < 0 ? x->folder : x->kept, e, "cannot open it");
	return RC_OK;
}

static bool came(const struct exchange *x)
{
	for (size_t i = 0; i < x->ins; i++)
		if (!is_there(x->live, leaf_of(x->in[i].to)))
			return false;
	return true;
}

/* RC_END: not possible here. */
static enum rc exchange(struct exchange *x, struct err *e)
{
	enum rc rc = RC_OK;
	same_looks(x);
	for (size_t i = 0; i < x->ins && rc == RC_OK; i++)
		rc = link_staged(x, &x->in[i], e);
	if (rc == RC_OK)
		rc = link_others(x, e);
	if (rc == RC_OK)
		rc = beneath_sync(x->next, x->kept, e);
	if (rc == RC_OK)
		rc = FAULT(COMPACT_LINKED, e);
	if (rc == RC_OK)
		rc = swap_alone(x, e);
	if (rc != RC_OK && x->swapped)
		return rc; /* done, but perhaps not for ever: whoever tries again tidies up */
	if (rc != RC_OK) {
		struct err ignored;
		(void)!tidy(x, false, &ignored);
		return rc;
	}
	rc = open_both(x, e); /* the descriptors have changed places */
	return rc == RC_OK ? tidy(x, true, e) : rc;
}

/* One by one, where folders can't be exchanged: what comes first, so that nobody sees neither. */
static enum rc one_by_one(struct exchange *x, struct err *e)
{
	size_t done = 0, left = 0;
	struct store_move *move = mem_alloc((x->outs + 1) * sizeof *move);
	enum rc rc = placing_publish(&x->local->store, x->in, x->ins, &done, e);
	for (size_t i = 0; i < x->outs; i++)
		if (is_there(x->live, leaf_of(x->out[i].from)))
			move[left++] = x->out[i];
	if (rc == RC_OK)
		rc = placing_publish(&x->local->store, move, left, &done, e);
	mem_free(&move);
	return rc;
}

static enum rc remove_staged(struct exchange *x, struct err *e)
{
	for (size_t i = 0; i < x->ins; i++) {
		const char *leaf;
		int dir = beneath_parent(&x->local->at, x->in[i].from, false, &leaf);
		if (dir < 0 && errno != ENOENT)
			return beneath_error(errno, x->in[i].from, e, "cannot open its directory");
		if (dir >= 0) {
			int sys = unlinkat(dir, leaf, 0) == 0 || errno == ENOENT ? 0 : errno;
			close(dir);
			if (sys != 0)
				return beneath_error(sys, x->in[i].from, e, "cannot remove");
		}
	}
	return RC_OK;
}

static enum rc work(struct exchange *x, struct err *e)
{
	enum rc rc = open_both(x, e);
	if (rc != RC_OK)
		return rc;
	if (came(x)) {
		/* Done before; whoever did it may have died before he had tidied up. */
		rc = tidy(x, true, e);
		return rc == RC_OK ? one_by_one(x, e) : rc;
	}
	rc = exchange(x, e);
	return rc == RC_END ? one_by_one(x, e) : rc;
}

enum rc exchange_replace(struct store *s, const char *folder, const struct store_move *in, size_t ins,
    const struct store_move *out, size_t outs, struct err *e)
{
	struct local *l = local_of(s);
	struct exchange x = {
	    .local = l, .folder = folder, .in = in, .out = out, .ins = ins, .outs = outs, .live = -1, .next = -1};
	x.kept = mem_text_n(out[0].to, (size_t)(leaf_of(out[0].to) - out[0].to) - 1);
	const char *leaf;
	int lock = beneath_parent(&l->at, x.kept, true, &leaf);
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0) {
		enum rc rc = lock < 0 ? beneath_error(errno, x.kept, e, "cannot open its directory")
		                      : err_set(RC_AGAIN, e, "%.300s: another process exchanges its files", folder);
		if (lock >= 0)
			close(lock);
		mem_free(&x.kept);
		return rc;
	}
	x.comes = names_of(in, ins, true);
	x.goes = names_of(out, outs, false);
	enum rc rc = work(&x, e);
	close_both(&x);
	if (rc == RC_OK)
		rc = remove_staged(&x, e);
	mem_free(&x.kept);
	mem_free(&x.comes);
	mem_free(&x.goes);
	close(lock);
	return rc;
}
