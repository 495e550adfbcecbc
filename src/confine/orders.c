/* Counts, then text with its NUL: read by the same build that wrote it, a moment later. */
#include "confine/orders.h"

#include <string.h>

#include "base/mem.h"
#include "base/reader.h"

enum { OPTIONS_MAX = 4096 };

static void put_text(struct writer *w, const char *text)
{
	writer_put(w, text, strlen(text) + 1);
}

static size_t fields_of(const struct dissect_params *params)
{
	size_t count = 0;
	for (size_t i = 0; i < params->wants; i++)
		count = params->wanted[i] >= count ? params->wanted[i] + 1 : count;
	return count;
}

void orders_write(const struct dissect_ops *ops, const struct dissect_params *params, struct writer *w)
{
	/* Of a made catalogue only what is wanted has to be there, at its index. */
	size_t fields = ops->catalogue != NULL ? fields_of(params) : 0;
	put_text(w, ops->name);
	writer_le32(w, (uint32_t)fields);
	writer_le32(w, (uint32_t)params->wants);
	writer_le32(w, (uint32_t)params->options);
	for (size_t i = 0; i < fields; i++) {
		const struct field *f = &params->field[i];
		writer_u8(w, (uint8_t)f->type);
		writer_u8(w, f->must);
		writer_u8(w, f->as != NULL);
		put_text(w, f->name);
		put_text(w, f->as != NULL ? f->as : "");
	}
	for (size_t i = 0; i < params->wants; i++)
		writer_le32(w, params->wanted[i]);
	for (size_t i = 0; i < params->options; i++) {
		put_text(w, params->option[i].key);
		put_text(w, params->option[i].value);
	}
}

static const char *take_text(struct reader *r)
{
	const uint8_t *end = r->failed ? NULL : memchr(r->at, '\0', reader_left(r));
	if (end == NULL) {
		r->failed = true;
		return "";
	}
	return (const char *)reader_take(r, (size_t)(end - r->at) + 1);
}

static void read_fields(struct reader *r, struct field *field, size_t count)
{
	for (size_t i = 0; i < count && reader_ok(r); i++) {
		struct field *f = &field[i];
		f->type = (enum type)reader_u8(r);
		f->must = reader_u8(r) != 0;
		bool has_as = reader_u8(r) != 0;
		f->name = take_text(r);
		f->as = take_text(r);
		f->as = has_as ? f->as : NULL;
		r->failed |= f->type >= TYPE_COUNT;
	}
}

static void read_lists(struct reader *r, struct orders *o, size_t fields, size_t wants, size_t options)
{
	size_t known = o->ops->catalogue != NULL ? fields : o->ops->fields;
	o->field = mem_zero(fields + 1, sizeof *o->field);
	o->wanted = mem_zero(wants + 1, sizeof *o->wanted);
	o->option = mem_zero(options + 1, sizeof *o->option);
	read_fields(r, o->field, fields);
	for (size_t i = 0; i < wants && reader_ok(r); i++) {
		o->wanted[i] = reader_le32(r);
		r->failed |= o->wanted[i] >= known;
	}
	for (size_t i = 0; i < options && reader_ok(r); i++) {
		o->option[i].key = take_text(r);
		o->option[i].value = take_text(r);
	}
	o->params = (struct dissect_params){.field = o->ops->catalogue != NULL ? o->field : o->ops->field,
	    .wanted = o->wanted,
	    .wants = wants,
	    .option = o->option,
	    .options = options};
}

enum rc orders_read(
    const void *bytes, size_t size, const struct dissect_ops *const table[], struct orders *out, struct err *e)
{
	struct orders o = {.bytes = mem_copy(bytes, size)};
	struct reader r = reader_of(o.bytes, size);
	const char *name = take_text(&r);
	size_t fields = reader_le32(&r), wants = reader_le32(&r), options = reader_le32(&r);
	for (size_t i = 0; table[i] != NULL && reader_ok(&r); i++)
		if (strcmp(table[i]->name, name) == 0)
			o.ops = table[i];
	if (o.ops == NULL || fields > BATCH_COLUMNS || wants > BATCH_COLUMNS || options > OPTIONS_MAX)
		r.failed = true;
	else
		read_lists(&r, &o, fields, wants, options);
	if (!reader_ok(&r) || reader_left(&r) != 0) {
		orders_fini(&o);
		return err_set(RC_BAD, e, "these are no orders");
	}
	*out = o;
	return RC_OK;
}

void orders_fini(struct orders *o)
{
	mem_free(&o->bytes);
	mem_free(&o->field);
	mem_free(&o->wanted);
	mem_free(&o->option);
	*o = (struct orders){.ops = NULL};
}
