/*
 * store: checks paths and arguments before a provider sees them, and builds the whole-object read out of ranges.
 */
#include "store/store.h"

#include <assert.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"

enum { PATH_BYTES_MAX = 4000, PART_BYTES_MAX = 255 };

static enum rc refuse(const char *path, const char *why, struct err *e)
{
	char shown[4 * 80 + 1];
	str_escape(path, strnlen(path, 80), shown);
	return err_set(RC_BAD, e, "path \"%s\": %s", shown, why);
}

/* Relative, without "." and "..", without empty parts: nothing that could leave the root or name a thing twice. */
static enum rc check_path(const char *path, struct err *e)
{
	size_t len = strnlen(path, PATH_BYTES_MAX + 1);
	if (len == 0)
		return refuse(path, "empty", e);
	if (len > PATH_BYTES_MAX)
		return refuse(path, "longer than 4000 bytes", e);
	for (const char *part = path;;) {
		size_t n = strcspn(part, "/");
		if (n == 0)
			return refuse(path, "has an empty part, or starts or ends with a slash", e);
		if ((n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
			return refuse(path, "has a part \".\" or \"..\"", e);
		if (n > PART_BYTES_MAX)
			return refuse(path, "has a part of more than 255 bytes", e);
		if (part[n] == '\0')
			return RC_OK;
		part += n + 1;
	}
}

enum rc store_open(const struct store_ops *ops, const char *place, const struct store_option *option, size_t options,
    struct store **out, struct err *e)
{
	return ops->open(place, option, options, out, e);
}

enum rc store_create(struct store *s, const char *path, struct store_file **out, struct err *e)
{
	enum rc rc = check_path(path, e);
	if (rc == RC_OK)
		rc = s->ops->create(s, path, out, e);
	if (rc == RC_OK && (rc = FAULT(STORE_CREATED, e)) != RC_OK)
		store_abandon(s, out);
	return rc;
}

enum rc store_write(struct store *s, struct store_file *f, const void *bytes, size_t size, struct err *e)
{
	return size > 0 ? s->ops->write(s, f, bytes, size, e) : RC_OK;
}

enum rc store_close_file(struct store *s, struct store_file *f, uint64_t expected, struct err *e)
{
	enum rc rc = s->ops->close_file(s, f, expected, e);
	return rc == RC_OK ? FAULT(STORE_CLOSED, e) : rc;
}

enum rc store_sync(struct store *s, struct store_file **files, size_t count, struct err *e)
{
	return count > 0 ? s->ops->sync(s, files, count, e) : RC_OK;
}

void store_abandon(struct store *s, struct store_file **f)
{
	if (*f == NULL)
		return;
	s->ops->abandon(s, *f);
	*f = NULL;
}

enum rc store_publish(struct store *s, const struct store_move *move, size_t moves, size_t *done, struct err *e)
{
	*done = 0;
	for (size_t i = 0; i < moves; i++) {
		enum rc rc = check_path(move[i].from, e);
		if (rc == RC_OK)
			rc = check_path(move[i].to, e);
		if (rc == RC_OK && strcmp(move[i].from, move[i].to) == 0)
			rc = refuse(move[i].to, "would be moved onto itself", e);
		if (rc != RC_OK)
			return rc;
	}
	return moves > 0 ? s->ops->publish(s, move, moves, done, e) : RC_OK;
}

/* Does a path name something right in that folder? */
static bool lies_in(const char *path, const char *folder, size_t len)
{
	return strncmp(path, folder, len) == 0 && path[len] == '/' && path[len + 1] != '\0' &&
	       strchr(path + len + 1, '/') == NULL;
}

static enum rc check_replace(const char *folder, const struct store_move *in, size_t ins, const struct store_move *out,
    size_t outs, struct err *e)
{
	size_t len = strlen(folder);
	const char *slash = strrchr(out[0].to, '/');
	enum rc rc = check_path(folder, e);
	for (size_t i = 0; i < ins + outs && rc == RC_OK; i++) {
		const struct store_move *m = i < ins ? &in[i] : &out[i - ins];
		const char *inside = i < ins ? m->to : m->from;
		rc = check_path(m->from, e);
		if (rc == RC_OK)
			rc = check_path(m->to, e);
		if (rc == RC_OK && !lies_in(inside, folder, len))
			rc = refuse(inside, "does not lie right in the folder", e);
		if (rc == RC_OK && i >= ins &&
		    (slash == NULL || !lies_in(m->to, out[0].to, (size_t)(slash - out[0].to)) ||
		        strcmp(strrchr(m->to, '/') + 1, m->from + len + 1) != 0))
			rc = refuse(m->to, "is not the same name in one other folder", e);
	}
	return rc;
}

static enum rc replace_by_publish(
    struct store *s, const struct store_move *in, size_t ins, const struct store_move *out, size_t outs, struct err *e)
{
	size_t done = 0;
	enum rc rc = s->ops->publish(s, in, ins, &done, e);
	for (size_t i = 0; i < outs && rc == RC_OK; i += done) {
		rc = s->ops->publish(s, out + i, outs - i, &done, e);
		if (rc == RC_BAD) { /* it went long ago, and was removed where it had gone to */
			rc = RC_OK;
			done++;
		}
	}
	return rc;
}

enum rc store_replace(struct store *s, const char *folder, const struct store_move *in, size_t ins,
    const struct store_move *out, size_t outs, struct err *e)
{
	assert(ins > 0 && outs > 0);
	enum rc rc = check_replace(folder, in, ins, out, outs, e);
	if (rc != RC_OK)
		return rc;
	return s->ops->replace != NULL ? s->ops->replace(s, folder, in, ins, out, outs, e)
	                               : replace_by_publish(s, in, ins, out, outs, e);
}

bool store_replaces_at_once(const struct store *s)
{
	return s->ops->replace != NULL;
}

enum rc store_put_if_absent(struct store *s, const char *path, const void *bytes, size_t size, struct err *e)
{
	enum rc rc = check_path(path, e);
	return rc == RC_OK ? s->ops->put_if_absent(s, path, bytes, size, e) : rc;
}

enum rc store_settle(struct store *s, const char *folder, struct err *e)
{
	enum rc rc = check_path(folder, e);
	return rc == RC_OK && s->ops->settle != NULL ? s->ops->settle(s, folder, e) : rc;
}

enum rc store_get_range(
    struct store *s, const char *path, uint64_t offset, void *to, size_t size, size_t *got, struct err *e)
{
	enum rc rc = check_path(path, e);
	return rc == RC_OK ? s->ops->get_range(s, path, offset, to, size, got, e) : rc;
}

/* Read on until the object ends: what stat says may be old by then. */
enum rc store_get(struct store *s, const char *path, size_t ceiling, char **bytes, size_t *size, struct err *e)
{
	struct store_stat st;
	enum rc rc = check_path(path, e);
	if (rc == RC_OK)
		rc = s->ops->stat(s, path, &st, e);
	if (rc != RC_OK)
		return rc;
	if (st.directory)
		return refuse(path, "is a directory", e);
	if (st.size > ceiling)
		return err_set(RC_BAD, e, "%.400s: larger than %zu bytes", path, ceiling);
	size_t capacity = (size_t)st.size + 1, len = 0, got = 0, asked;
	char *buffer = mem_alloc(capacity + 1);
	do {
		asked = capacity - len;
		rc = s->ops->get_range(s, path, len, buffer + len, asked, &got, e);
		if (rc != RC_OK)
			break;
		len += got;
		if (len > ceiling)
			rc = err_set(RC_BAD, e, "%.400s: larger than %zu bytes", path, ceiling);
		if (rc == RC_OK && len == capacity) {
			capacity = capacity * 2 < ceiling + 1 ? capacity * 2 : ceiling + 1;
			buffer = mem_resize(buffer, capacity + 1);
		}
	} while (rc == RC_OK && got == asked);
	if (rc != RC_OK) {
		mem_free(&buffer);
		return rc;
	}
	buffer[len] = '\0';
	*bytes = buffer;
	*size = len;
	return RC_OK;
}

enum rc store_read(struct store *s, const char *path, struct source **out, struct err *e)
{
	enum rc rc = check_path(path, e);
	return rc == RC_OK ? s->ops->read(s, path, out, e) : rc;
}

enum rc store_list(
    struct store *s, const char *prefix, const char *after, size_t max, char ***names, size_t *count, struct err *e)
{
	enum rc rc = *prefix == '\0' ? RC_OK : check_path(prefix, e);
	if (rc != RC_OK)
		return rc;
	if (max == 0) {
		*names = NULL;
		*count = 0;
		return RC_OK;
	}
	return s->ops->list(s, prefix, after, max, names, count, e);
}

void store_list_free(char ***names, size_t count)
{
	for (size_t i = 0; i < count && *names != NULL; i++)
		mem_free(&(*names)[i]);
	mem_free(names);
}

enum rc store_remove(struct store *s, const char *const *path, size_t paths, struct err *e)
{
	for (size_t i = 0; i < paths; i++) {
		enum rc rc = check_path(path[i], e);
		if (rc != RC_OK)
			return rc;
	}
	enum rc rc = paths > 0 ? s->ops->remove(s, path, paths, e) : RC_OK;
	return rc == RC_OK ? FAULT(STORE_REMOVED, e) : rc;
}

enum rc store_stat(struct store *s, const char *path, struct store_stat *out, struct err *e)
{
	enum rc rc = check_path(path, e);
	return rc == RC_OK ? s->ops->stat(s, path, out, e) : rc;
}

bool store_takes(struct store *s, const char *path)
{
	struct err ignored;
	return check_path(path, &ignored) == RC_OK && (s->ops->takes == NULL || s->ops->takes(s, path));
}

char *store_local_path(struct store *s, const char *path)
{
	struct err ignored;
	if (s->ops->local_path == NULL || check_path(path, &ignored) != RC_OK)
		return NULL;
	return s->ops->local_path(s, path);
}

enum rc store_describe(struct store *s, char *out, size_t size, struct err *e)
{
	return s->ops->describe != NULL ? s->ops->describe(s, out, size, e) : RC_END;
}

void store_close(struct store **s)
{
	if (*s == NULL)
		return;
	(*s)->ops->close(*s);
	*s = NULL;
}
