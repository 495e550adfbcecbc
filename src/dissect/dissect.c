/* The fronts of dissectors: what every one of them may rely on is checked here, once. */
#include "dissect/dissect.h"

#include <assert.h>

#include "base/mem.h"

enum rc dissect_bind(
    const struct dissect_ops *ops, const struct schema *schema, struct projection **out, struct err *e)
{
	if (ops->catalogue == NULL)
		return projection_open(schema, ops->field, ops->fields, out, e);
	struct field *field = NULL;
	size_t fields = 0;
	enum rc rc = ops->catalogue(schema, &field, &fields, e);
	if (rc == RC_OK)
		rc = projection_open(schema, field, fields, out, e);
	if (rc == RC_OK)
		(*out)->made = field;
	else
		mem_free(&field);
	return rc;
}

struct dissect_params dissect_params_of(const struct projection *p, const struct dissect_option *option, size_t options)
{
	return (struct dissect_params){
	    .field = p->field, .wanted = p->wanted, .wants = p->wants, .option = option, .options = options};
}

enum rc dissect_open(const struct dissect_ops *ops, struct source *src, const struct dissect_hints *hints,
    const struct dissect_params *params, struct dissector **out, struct err *e)
{
	assert(src != NULL && params->rows <= BATCH_ROWS && params->wants <= BATCH_COLUMNS);
	assert(ops->counters <= BATCH_COUNTERS);
	for (size_t i = 0; i < params->wants; i++)
		assert(ops->catalogue != NULL || params->wanted[i] < ops->fields);
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

size_t dissect_note(const struct dissector *d, const char **text)
{
	*text = "";
	size_t len = d->ops->note != NULL ? d->ops->note(d, text) : 0;
	assert(len <= DISSECT_NOTE);
	return len;
}

enum rc dissect_check(const struct dissect_ops *ops, const struct dissect_params *params, struct err *e)
{
	return ops->check != NULL ? ops->check(params, e) : RC_OK;
}

void dissect_close(struct dissector **d)
{
	if (*d != NULL)
		(*d)->ops->close(*d);
	*d = NULL;
}
