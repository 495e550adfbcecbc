/* Commands that work on chosen originals choose them alike. */
#include "app/originals.h"

#include <string.h>

#include "app/nearest.h"
#include "base/file.h"
#include "base/str.h"

bool originals_meant(const struct args *a, const uint8_t original[SHA256_BYTES], const char *name, const char *path)
{
	char hex[SHA256_TEXT];
	str_hex(original, SHA256_BYTES, hex);
	for (size_t i = 0; i < a->words; i++) {
		const char *word = a->word[i];
		if (strcmp(word, hex) == 0 || strcmp(word, path) == 0 || strcmp(file_name(word), name) == 0)
			return true;
	}
	return a->words == 0;
}

enum rc originals_pipeline(const struct args *a, const struct settings *s, const struct pipeline **out, struct err *e)
{
	const char *name = args_text(a, "pipeline", NULL);
	char hint[NEAREST_HINT];
	*out = NULL;
	if (name == NULL)
		return RC_OK;
	struct nearest n = nearest_to(name);
	for (size_t i = 0; i < s->pipelines; i++) {
		nearest_offer(&n, s->pipeline[i].name);
		if (strcmp(s->pipeline[i].name, name) != 0)
			continue;
		*out = &s->pipeline[i];
		return RC_OK;
	}
	return err_set(RC_BAD, e, "no pipeline \"%.60s\" in %.200s%s", name, s->file, nearest_hint(&n, hint));
}
