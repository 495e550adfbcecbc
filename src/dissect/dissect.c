/* The fronts of dissectors: what every one of them may rely on is checked here, once. */
#include "dissect/dissect.h"

#include <assert.h>

enum rc dissect_open(const struct dissect_ops *ops, struct source *src, const struct dissect_hints *hints,
    const struct dissect_params *params, struct dissector **out, struct err *e)
{
	assert(src != NULL && params->rows <= BATCH_ROWS && params->wants <= BATCH_COLUMNS);
	assert(ops->counters <= BATCH_COUNTERS);
	for (size_t i = 0; i < params->wants; i++)
		assert(params->wanted[i] < ops->fields);
	enum rc rc = ops->open(src, hints, params, out, e);
	assert(rc != RC_OK || (*out)->ops == ops);
	return rc;
}

enum rc dissect_next(struct dissector *d, const struct batch **out, bool *clean, struct err *e)
{
	enum rc rc = d->ops->next(d, out, clean, e);
	assert(rc != RC_OK || (*out)->rows <= (*out)->row_capacity);
	return rc;
}

void dissect_close(struct dissector **d)
{
	if (*d != NULL)
		(*d)->ops->close(*d);
	*d = NULL;
}
