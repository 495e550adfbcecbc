/* Two folders have the same shape: what was folded away completely has history alone, what is young manifests alone. */
#include "pipe/partitions.h"

#include "base/mem.h"
#include "base/str.h"

enum { TOPICS = 65536, PARTITIONS = 65536 };

static const char history[] = "_sluice/history", commits[] = "_sluice/commits";

struct walk {
	struct store *store;
	const char *root;
	enum rc (*see)(void *context, const char *topic, uint32_t partition, struct err *e);
	void *context;
};

/* Was it told of when history was walked? */
static enum rc is_second(const struct walk *w, const char *topic, const char *name, bool *second, struct err *e)
{
	struct store_stat st;
	*second = false;
	if (w->root == history)
		return RC_OK;
	char *folder = mem_format("%s/%s/%s", history, topic, name);
	enum rc rc = store_stat(w->store, folder, &st, e);
	*second = rc == RC_OK;
	mem_free(&folder);
	return rc == RC_END ? RC_OK : rc;
}

static enum rc walk_topic(const struct walk *w, const char *topic, struct err *e)
{
	char *folder = mem_format("%s/%s", w->root, topic), **name = NULL;
	size_t names = 0;
	enum rc rc = store_list(w->store, folder, NULL, PARTITIONS, &name, &names, e);
	for (size_t i = 0; i < names && rc == RC_OK; i++) {
		int64_t partition = 0;
		struct err ignored;
		bool second = false;
		if (str_number(name[i], 0, UINT32_MAX, &partition, &ignored) != RC_OK)
			continue;
		rc = is_second(w, topic, name[i], &second, e);
		if (rc == RC_OK && !second)
			rc = w->see(w->context, topic, (uint32_t)partition, e);
	}
	store_list_free(&name, names);
	mem_free(&folder);
	return rc;
}

static enum rc walk_root(const struct walk *w, struct err *e)
{
	char **topic = NULL;
	size_t topics = 0;
	enum rc rc = store_list(w->store, w->root, NULL, TOPICS, &topic, &topics, e);
	for (size_t i = 0; i < topics && rc == RC_OK; i++)
		rc = walk_topic(w, topic[i], e);
	store_list_free(&topic, topics);
	return rc;
}

enum rc partitions_each(struct store *s,
    enum rc (*see)(void *context, const char *topic, uint32_t partition, struct err *e), void *context, struct err *e)
{
	const struct walk old = {s, history, see, context}, young = {s, commits, see, context};
	enum rc rc = walk_root(&old, e);
	return rc == RC_OK ? walk_root(&young, e) : rc;
}
