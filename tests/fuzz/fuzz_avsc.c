/* Any bytes as a schema file: what is taken can be printed, and its plain schema and partitions are whole. */
#include "format/avsc.h"

#include "base/writer.h"
#include "data/projection.h"
#include "fuzz.h"

enum { CEILING = 16 << 20, PATH = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const int64_t hours[] = {0, 490000, -1, INT64_C(1) << 32};
	struct schema *s = NULL;
	struct writer out;
	struct err e;
	enum rc rc = avsc_read("fuzz.avsc", (const char *)bytes, size, &s, &e);
	if (rc != RC_OK) {
		must(rc == RC_BAD && strncmp(e.text, "fuzz.avsc", 9) == 0);
		return 0;
	}
	char path[PATH], value[SCHEMA_PARTITIONS][16];
	for (size_t i = 0; i < sizeof hours / sizeof *hours; i++) {
		schema_partition_path(s, hours[i], path, sizeof path);
		must_end(path, 255);
		schema_partition_values(s, hours[i], value);
		for (size_t k = 0; k < s->partitions; k++)
			must_end(value[k], 15);
	}
	writer_init(&out, CEILING);
	avsc_hive_ddl(s, NULL, &out);
	avsc_parquet_text(s, &out);
	must(!out.failed);
	writer_fini(&out);
	struct projection *p = projection_rendered(s);
	must(p->wants == s->columns);
	projection_free(&p);
	schema_free(&s);
	return 0;
}
