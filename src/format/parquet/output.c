/*
 * A row group is hundreds of small pieces (page headers, pages of constant columns); the sink sees few big ones.
 */
#include "format/parquet/output.h"

enum { GATHER = 256 << 10, DIRECT = 64 << 10 };

void output_init(struct output *o, struct parquet_sink sink)
{
	*o = (struct output){.sink = sink, .gathered.brief = true};
}

void output_fini(struct output *o)
{
	buffer_fini(&o->gathered);
}

static void give(struct output *o, const void *bytes, size_t size)
{
	if (o->rc == RC_OK && size != 0)
		o->rc = o->sink.write(o->sink.context, bytes, size, &o->reason);
}

void output_put(struct output *o, const void *bytes, size_t size)
{
	o->position += size;
	if (size >= DIRECT || o->gathered.len + size > GATHER) {
		give(o, o->gathered.bytes, o->gathered.len);
		o->gathered.len = 0;
	}
	if (size >= DIRECT)
		give(o, bytes, size);
	else
		buffer_put(&o->gathered, bytes, size);
}

enum rc output_flush(struct output *o, struct err *e)
{
	give(o, o->gathered.bytes, o->gathered.len);
	buffer_fini(&o->gathered);
	if (o->rc != RC_OK)
		*e = o->reason;
	return o->rc;
}
