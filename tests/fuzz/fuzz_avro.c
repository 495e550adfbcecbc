/* Any bytes as the value of a rows event: batches check, and what was decoded encodes to what decodes to the same. */
#include "base/mem.h"
#include "format/avro.h"
#include "format/avsc.h"
#include "fuzz.h"

#define HEAD                                                                                                           \
	"{\"type\":\"record\",\"name\":\"t\",\"namespace\":\"x\",\"time\":\"time\",\"partition\":["                    \
	"{\"name\":\"y\",\"type\":\"int\",\"as\":\"year\"}],\"fields\":["
#define FIELD(name, type)                                                                                              \
	"{\"name\":\"" name "\",\"type\":[\"null\",\"" type "\"],\"default\":null,\"from\":\"" name "\"}"

enum { SCHEMAS = 3, CEILING = 16 << 20 };

/* Every type; the same with int widened, columns gone, new and in another order; one column. */
static const char *const text[SCHEMAS] = {
    HEAD FIELD("a", "string") "," FIELD("b", "int") "," FIELD("c", "long") "," FIELD("d", "float") "," FIELD(
        "e", "string") "]}",
    HEAD FIELD("e", "string") "," FIELD("n", "string") "," FIELD("b", "long") "," FIELD("a", "string") "]}",
    HEAD FIELD("b", "int") "]}",
};

static struct avro_decoder *open_pair(const struct schema *writer, const struct schema *reader)
{
	struct avro_decoder *a = NULL;
	struct err e;
	return avro_decoder_open(writer, reader, &a, &e) == RC_OK ? a : NULL;
}

static enum rc decode(struct avro_decoder *a, const struct projection *p, const void *value, size_t size, uint32_t rows,
    struct writer *out, uint64_t *total)
{
	struct batch *b = batch_new(p->types, p->wants, rows, rows * 64);
	struct avro_encoder *encoder = avro_encoder_new(p);
	uint64_t outside = 0;
	struct err e;
	enum rc rc;
	avro_decode_begin(a, value, size);
	for (*total = 0; (rc = avro_decode_next(a, b, &e)) == RC_OK; *total += b->rows) {
		must(b->rows > 0 && batch_check(b, p->types, p->wants, b->size, &e) == RC_OK);
		avro_encode(encoder, b, NULL, b->rows, out, &outside);
	}
	must(rc == RC_END || rc == RC_BAD);
	avro_encoder_free(&encoder);
	batch_free(&b);
	return rc;
}

static void check(const struct schema *writer, const struct schema *reader, const uint8_t *bytes, size_t size)
{
	struct avro_decoder *a = open_pair(writer, reader), *same = open_pair(reader, reader);
	struct projection *p = projection_rendered(reader);
	struct writer first, array, second;
	uint64_t rows = 0, again = 0;
	writer_init(&first, CEILING);
	writer_init(&second, CEILING);
	writer_init(&array, CEILING);
	must(same != NULL);
	/* Each row has a byte at least. */
	if (a != NULL && decode(a, p, bytes, size, size % 2 ? 512 : 3, &first, &rows) == RC_END) {
		must(rows <= size);
		avro_array_head(&array, rows);
		writer_put(&array, first.bytes, first.len);
		avro_array_tail(&array);
		must(!array.failed && decode(same, p, array.bytes, array.len, 64, &second, &again) == RC_END);
		must(again == rows && second.len == first.len);
		must(first.len == 0 || memcmp(first.bytes, second.bytes, first.len) == 0);
	}
	writer_fini(&first);
	writer_fini(&second);
	writer_fini(&array);
	projection_free(&p);
	avro_decoder_free(&same);
	avro_decoder_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct schema *schema[SCHEMAS];
	struct err e;
	for (size_t i = 0; i < SCHEMAS && schema[i] == NULL; i++)
		must(avsc_read("fuzz", text[i], strlen(text[i]), &schema[i], &e) == RC_OK);
	if (size > 0)
		check(schema[bytes[0] % SCHEMAS], schema[bytes[0] / SCHEMAS % SCHEMAS], bytes + 1, size - 1);
	return 0;
}
