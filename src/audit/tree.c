/* A page of names at a time: a folder may hold a million originals. */
#include "audit/tree.h"

#include "base/mem.h"

enum { PAGE = 65536 };

struct walk {
	struct store *store;
	enum rc (*see)(void *context, const char *path, const struct store_stat *st, struct err *e);
	void *context;
};

static enum rc walk_folder(const struct walk *w, const char *folder, unsigned depth, struct err *e);

static enum rc walk_name(const struct walk *w, const char *folder, const char *name, unsigned depth, struct err *e)
{
	struct store_stat st;
	char *path = mem_format("%s/%s", folder, name);
	enum rc rc = store_stat(w->store, path, &st, e);
	if (rc == RC_END)
		rc = RC_OK;
	else if (rc == RC_OK && st.directory)
		rc = depth < TREE_DEPTH ? walk_folder(w, path, depth + 1, e) : err_set(RC_BAD, e, "%s: too deep", path);
	else if (rc == RC_OK)
		rc = w->see(w->context, path, &st, e);
	mem_free(&path);
	return rc;
}

static enum rc walk_folder(const struct walk *w, const char *folder, unsigned depth, struct err *e)
{
	char *after = NULL;
	size_t count = PAGE;
	enum rc rc = RC_OK;
	while (rc == RC_OK && count == PAGE) {
		char **name = NULL;
		if ((rc = store_list(w->store, folder, after, PAGE, &name, &count, e)) != RC_OK)
			break;
		for (size_t i = 0; i < count && rc == RC_OK; i++)
			rc = walk_name(w, folder, name[i], depth, e);
		mem_free(&after);
		if (count > 0)
			after = mem_text(name[count - 1]);
		store_list_free(&name, count);
	}
	mem_free(&after);
	return rc;
}

enum rc tree_walk(struct store *store, const char *root,
    enum rc (*see)(void *context, const char *path, const struct store_stat *st, struct err *e), void *context,
    struct err *e)
{
	const struct walk w = {store, see, context};
	return walk_folder(&w, root, 0, e);
}
