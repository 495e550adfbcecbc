/* A wrong word is answered with the one that was probably meant. */
#include "dissect/option.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

enum { KNOWN_TEXT = 240 };

const char *option_hint(
    const char *word, const char *(*next)(const void *context, size_t i), const void *context, char out[OPTION_HINT])
{
	size_t least = strlen(word) / 3 + 2;
	const char *name;
	out[0] = '\0';
	for (size_t i = 0; (name = next(context, i)) != NULL; i++) {
		size_t distance = str_distance(word, name);
		if (distance >= least)
			continue;
		least = distance;
		snprintf(out, OPTION_HINT, " (did you mean \"%.80s\"?)", name);
	}
	return out;
}

static const char *next_known(const void *context, size_t i)
{
	const char *const *known = context;
	return known[i];
}

/* "unknown option "prots" (did you mean "ports"?)", or all there are. */
static enum rc refuse(const char *what, const char *word, const char *const known[], struct err *e)
{
	char all[KNOWN_TEXT] = "";
	char hint[OPTION_HINT];
	if (option_hint(word, next_known, known, hint)[0] != '\0')
		return err_set(RC_BAD, e, "%s \"%.60s\"%s", what, word, hint);
	for (size_t i = 0; known[i] != NULL; i++) {
		size_t len = strlen(all);
		snprintf(all + len, sizeof all - len, "%s%s", i == 0 ? "" : ", ", known[i]);
	}
	return err_set(RC_BAD, e, "%s \"%.60s\"; there are: %s", what, word, all);
}

enum rc option_unknown(const char *key, const char *const known[], struct err *e)
{
	return refuse("unknown option", key, known, e);
}

enum rc option_choice(const char *key, const char *value, const char *const choices[], int *out, struct err *e)
{
	for (int i = 0; choices[i] != NULL; i++) {
		if (strcmp(choices[i], value) == 0) {
			*out = i;
			return RC_OK;
		}
	}
	char what[64];
	snprintf(what, sizeof what, "%.40s: unknown word", key);
	return refuse(what, value, choices, e);
}
