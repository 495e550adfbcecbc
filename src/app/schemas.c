/* Joins the shipped schemas with a user's own, so that one binary is complete and a column is still one line in a file.
 */
#include "app/schemas.h"

#include <stdio.h>
#include <string.h>

#include "app/nearest.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/avsc.h"

enum { SCHEMA_FILE_MAX = 4 << 20 };

enum rc schemas_read(const char *file, struct schema **out, struct err *e)
{
	char *text = NULL;
	size_t size = 0;
	enum rc rc = file_load(file, SCHEMA_FILE_MAX, &text, &size, e);
	if (rc == RC_END)
		return err_set(RC_BAD, e, "%s: no such file", file);
	if (rc != RC_OK)
		return rc;
	rc = avsc_read(file, text, size, out, e);
	mem_free(&text);
	return rc;
}

enum rc schemas_find(const char *folder, const char *dataset, struct schema **out, struct err *e)
{
	if (folder != NULL && strchr(dataset, '/') == NULL) {
		char *file = mem_format("%s/%s.avsc", folder, dataset);
		char *text = NULL;
		size_t size = 0;
		enum rc rc = file_load(file, SCHEMA_FILE_MAX, &text, &size, e);
		if (rc == RC_OK)
			rc = avsc_read(file, text, size, out, e);
		mem_free(&text);
		mem_free(&file);
		if (rc != RC_END)
			return rc;
	}
	struct nearest n = nearest_to(dataset);
	char hint[NEAREST_HINT];
	for (size_t i = 0; i < shipped_schemas; i++) {
		const struct shipped_schema *s = &shipped_schema[i];
		char name[64];
		if (strcmp(s->name, dataset) != 0) {
			nearest_offer(&n, s->name);
			continue;
		}
		snprintf(name, sizeof name, "schema/%.40s.avsc", s->name);
		return avsc_read(name, s->text, s->size, out, e);
	}
	return err_set(RC_BAD, e, "unknown dataset \"%.100s\"%s", dataset, nearest_hint(&n, hint));
}
