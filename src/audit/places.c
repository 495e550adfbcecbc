/* A file's name ends with the label of its partition, which a long topic does not fit into whole: so topics are asked
 * for theirs. */
#include "audit/places.h"

#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "pipe/draft.h"
#include "pipe/partitions.h"

struct search {
	const char *label;
	size_t len;
	struct file_place *out;
	bool found;
};

static enum rc see_place(void *context, const char *topic, uint32_t partition, struct err *e)
{
	struct search *s = context;
	struct place place;
	(void)e;
	place_init(&place, topic, partition, NULL, NULL);
	if (strlen(place.label) != s->len || memcmp(place.label, s->label, s->len) != 0)
		return RC_OK;
	s->found = str_copy(s->out->topic, sizeof s->out->topic, topic);
	s->out->partition = partition;
	return RC_OK;
}

enum rc places_of_file(struct store *s, const char *path, struct file_place *out, struct err *e)
{
	struct search search = {.out = out};
	if (!chain_file_name(file_name(path), &search.label, &search.len, &out->start, &out->end))
		return RC_END;
	enum rc rc = partitions_each(s, see_place, &search, e);
	return rc == RC_OK && !search.found ? RC_END : rc;
}
