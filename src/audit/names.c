/* Few and long-lived: the same one comes again and again, so the last is looked at first. */
#include "audit/names.h"

#include <string.h>

#include "base/mem.h"

void names_fini(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		mem_free(&n->at[i]);
	mem_free(&n->at);
	n->count = n->last = 0;
}

static int is(const struct names *n, size_t i, const char *text, size_t len)
{
	return strncmp(n->at[i], text, len) == 0 && n->at[i][len] == '\0';
}

uint16_t names_find(struct names *n, const char *text, size_t len)
{
	if (n->last < n->count && is(n, n->last, text, len))
		return (uint16_t)n->last;
	for (size_t i = 0; i < n->count; i++)
		if (is(n, i, text, len))
			return (uint16_t)(n->last = i);
	return NAMES_NONE;
}

uint16_t names_add(struct names *n, const char *text, size_t len)
{
	uint16_t found = names_find(n, text, len);
	if (found != NAMES_NONE || n->count == NAMES_NONE)
		return found;
	n->at = mem_resize(n->at, (n->count + 1) * sizeof *n->at);
	n->at[n->count] = mem_text_n(text, len);
	return (uint16_t)(n->last = n->count++);
}

const char *names_text(const struct names *n, uint16_t number)
{
	return number < n->count ? n->at[number] : "";
}
