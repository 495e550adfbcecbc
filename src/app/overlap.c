/*
 * Whether two shell patterns have a name in common is not asked in general. The shortest names that each of them takes
 * are shown to the other: what both take is proof, and patterns that people write for one folder either differ in their
 * fixed parts or are found so.
 */
#include "app/overlap.h"

#include <string.h>

#include "base/str.h"

/* What stands for one part of a pattern that begins at *p, which moves behind it; '\0': for nothing. */
static char sample(const char **p)
{
	const char *at = *p;
	const char *end = at[0] == '[' && at[1] != '\0' ? strchr(at + 2, ']') : NULL;
	bool negated = at[0] == '[' && (at[1] == '!' || at[1] == '^');
	*p = end != NULL ? end + 1 : at + 1;
	if (end != NULL)
		return negated ? 'x' : at[1];
	if (at[0] == '\\' && at[1] != '\0') {
		*p = at + 2;
		return at[1];
	}
	return at[0] == '?' ? 'x' : at[0];
}

/* A name that the pattern takes, most likely: *: star, @(A|B): A. */
static void name_of(const char *pattern, char star, char out[OVERLAP_NAME])
{
	size_t n = 0;
	bool choice = false;
	for (const char *p = pattern; *p != '\0' && n + 1 < OVERLAP_NAME;) {
		if (*p == '@' && p[1] == '(') {
			choice = true;
			p += 2;
		} else if (choice && (*p == '|' || *p == ')')) {
			p += strcspn(p, ")");
			p += *p == ')';
			choice = false;
		} else if (*p == '*') {
			out[n++] = star;
			p++;
		} else {
			out[n++] = sample(&p);
		}
	}
	out[n] = '\0';
}

/* Do both look into one folder? */
static bool same_place(const struct pipeline *a, const struct pipeline *b)
{
	size_t la = strlen(a->watch), lb = strlen(b->watch);
	if (strcmp(a->watch, b->watch) == 0)
		return true;
	if (la < lb)
		return a->recursive && str_starts(b->watch, a->watch) &&
		       (a->watch[la - 1] == '/' || b->watch[la] == '/');
	return b->recursive && str_starts(a->watch, b->watch) && (b->watch[lb - 1] == '/' || a->watch[lb] == '/');
}

const char *overlap_name(const struct pipeline *a, const struct pipeline *b, char out[OVERLAP_NAME])
{
	static const char stars[] = {'x', '1'};
	const struct pipeline *from[] = {a, b};
	if (!same_place(a, b))
		return NULL;
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < sizeof stars; k++) {
			name_of(from[i]->pattern, stars[k], out);
			if (out[0] != '.' && str_match(a->pattern, out) && str_match(b->pattern, out))
				return out;
		}
	return NULL;
}
