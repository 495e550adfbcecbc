/* Commands that work on chosen originals choose them alike. */
#include "app/originals.h"

#include <string.h>
#include <unistd.h>

#include "app/nearest.h"
#include "app/term.h"
#include "audit/trace.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

bool originals_meant(
    const struct args *a, const uint8_t original[SHA256_BYTES], const char *name, const char *path, bool *met)
{
	char hex[SHA256_TEXT];
	bool meant = a->words == 0;
	str_hex(original, SHA256_BYTES, hex);
	for (size_t i = 0; i < a->words; i++) {
		const char *word = a->word[i];
		if (strcmp(word, hex) == 0 || strcmp(word, path) == 0 || strcmp(file_name(word), name) == 0)
			meant = met[i] = true;
	}
	return meant;
}

static bool all_met(const struct args *a, const bool *met)
{
	for (size_t i = 0; i < a->words; i++)
		if (!met[i])
			return false;
	return true;
}

enum rc originals_open(const struct settings *s, struct trace *t, struct err *e)
{
	*t = (struct trace){.settings = s};
	char *dir = file_join(s->state, "ledger");
	enum rc rc = store_open(s->store, s->store_place, s->store_option, s->store_options, &t->store, e);
	if (rc == RC_OK && access(dir, F_OK) == 0)
		rc = ledger_open(dir, s->ledger_max_bytes, &t->ledger, e);
	mem_free(&dir);
	return rc;
}

void originals_close(struct trace *t)
{
	ledger_close(&t->ledger);
	store_close(&t->store);
}

/* What has no rejects has met nothing, and is known all the same. */
bool originals_known(const struct args *a, const struct settings *s, const char *what, const bool *met)
{
	struct trace t;
	struct err e;
	bool known = true;
	if (all_met(a, met))
		return true;
	enum rc rc = originals_open(s, &t, &e);
	for (size_t i = 0; i < a->words && rc == RC_OK; i++) {
		json_t *found = NULL;
		if (met[i])
			continue;
		enum rc one = trace_word(&t, a->word[i], &found, &e);
		json_decref(found);
		if (one != RC_OK)
			complain("%s: %.300s: %s", what, a->word[i], one == RC_END ? "not known" : e.text);
		known &= one == RC_OK;
	}
	if (rc != RC_OK)
		complain("%s: %s", what, e.text);
	originals_close(&t);
	return known && rc == RC_OK;
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
