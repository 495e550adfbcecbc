/* Any bytes as a configuration file: it is taken or refused with its name and line. */
#include "app/config.h"

#include "app/keys.h"
#include "fuzz.h"

enum { SHOWN = 4096 };

static void show(enum key_scope scope, const void *base)
{
	char text[SHOWN];
	for (size_t i = 0; i < key_count; i++) {
		if (key_table[i].scope != scope)
			continue;
		key_show(&key_table[i], base, text, sizeof text);
		must_end(text, sizeof text - 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct config *c = NULL;
	struct err e;
	enum rc rc = config_parse("/nonexistent/fuzz.yaml", (const char *)bytes, size, &c, &e);
	if (rc != RC_OK) {
		must(rc == RC_BAD && strstr(e.text, "fuzz.yaml") != NULL);
		return 0;
	}
	show(KEY_GLOBAL, c);
	for (size_t i = 0; i < c->settings.pipelines; i++)
		show(KEY_PIPELINE, &c->settings.pipeline[i]);
	for (size_t i = 0; i < c->origins; i++)
		must(config_line(c, c->origin[i].pipeline, c->origin[i].key) > 0);
	config_free(&c);
	return 0;
}
