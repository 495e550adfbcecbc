/* Open addressing over twice the bound, so that a look-up ends soon; the texts are kept whole: a partition that is
 * taken for known because its hash is would never be registered. */
#include "catalog/known.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

enum { PLACES = KNOWN_MOST * 2 };

struct known {
	char **text; /* "table/path" */
	size_t count;
};

struct known *known_new(void)
{
	return mem_zero(1, sizeof(struct known));
}

void known_clear(struct known *k)
{
	for (size_t i = 0; k->text != NULL && i < PLACES; i++)
		mem_free(&k->text[i]);
	mem_free(&k->text);
	k->count = 0;
}

void known_free(struct known **k)
{
	if (*k == NULL)
		return;
	known_clear(*k);
	mem_free(k);
}

/* FNV-1a. */
static uint64_t hash_add(uint64_t h, const char *text)
{
	for (; *text != '\0'; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return h;
}

static bool is(const char *text, const char *table, const char *path)
{
	size_t len = strlen(table);
	return strncmp(text, table, len) == 0 && text[len] == '/' && strcmp(text + len + 1, path) == 0;
}

/* The free place where a text goes that is not there. */
static char **find_text(const struct known *k, const char *text)
{
	uint64_t h = hash_add(UINT64_C(0xcbf29ce484222325), text);
	size_t i = (size_t)(h ^ h >> 32) % PLACES;
	while (k->text[i] != NULL)
		i = (i + 1) % PLACES;
	return &k->text[i];
}

/* Where it is, or the free place where it would go. */
static char **find(const struct known *k, const char *table, const char *path)
{
	uint64_t h = hash_add(hash_add(hash_add(UINT64_C(0xcbf29ce484222325), table), "/"), path);
	size_t i = (size_t)(h ^ h >> 32) % PLACES;
	while (k->text[i] != NULL && !is(k->text[i], table, path))
		i = (i + 1) % PLACES;
	return &k->text[i];
}

bool known_has(const struct known *k, const char *table, const char *path)
{
	return k->text != NULL && *find(k, table, path) != NULL;
}

/* What stood behind it moves up, so that every text is found from its own place on. */
void known_drop(struct known *k, const char *table, const char *path)
{
	if (!known_has(k, table, path))
		return;
	char **place = find(k, table, path);
	mem_free(place);
	k->count--;
	for (size_t i = ((size_t)(place - k->text) + 1) % PLACES; k->text[i] != NULL; i = (i + 1) % PLACES) {
		char *text = k->text[i];
		k->text[i] = NULL;
		*find_text(k, text) = text;
	}
}

void known_add(struct known *k, const char *table, const char *path)
{
	if (k->count == KNOWN_MOST && !known_has(k, table, path))
		known_clear(k);
	if (k->text == NULL)
		k->text = mem_zero(PLACES, sizeof *k->text);
	char **place = find(k, table, path);
	if (*place != NULL)
		return;
	*place = mem_format("%s/%s", table, path);
	k->count++;
}
