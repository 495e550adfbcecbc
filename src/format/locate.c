/* Walks JSON by its brackets, strings and commas: nothing else is needed to count elements and lines. */
#include "format/locate.h"

#include <stdbool.h>
#include <string.h>

enum { ROOT = 1, ARRAY = 2, ELEMENT = 3 }; /* depth inside the brackets of each */

struct walk {
	const char *at, *end;
	unsigned line;
	unsigned depth;
	size_t index;  /* of the element, while inside the array */
	bool in_array; /* the last key of the root was the array's */
	unsigned best; /* the closest line so far */
};

static bool is_word(const char *text, size_t len, const char *word)
{
	return word != NULL && strlen(word) == len && memcmp(text, word, len) == 0;
}

/* Past the string that begins at w->at; its inside is *text, *len. */
static void skip_string(struct walk *w, const char **text, size_t *len)
{
	*text = ++w->at;
	while (w->at < w->end && *w->at != '"')
		w->at += *w->at == '\\' && w->at + 1 < w->end ? 2 : 1;
	*len = (size_t)(w->at - *text);
	w->at += w->at < w->end;
}

static bool key_follows(const struct walk *w)
{
	const char *p = w->at;
	while (p < w->end && strchr(" \t\r\n", *p) != NULL)
		p++;
	return p < w->end && *p == ':';
}

/* true: found, w->best is the line. */
static bool see_key(struct walk *w, struct locate what, const char *key, size_t len)
{
	if (w->depth == ROOT) {
		w->in_array = is_word(key, len, what.array);
		w->index = 0;
		if (w->in_array)
			w->best = w->line;
	}
	bool here =
	    what.array == NULL ? w->depth == ROOT : w->depth == ELEMENT && w->in_array && w->index == what.index;
	if (!here || !is_word(key, len, what.key))
		return false;
	w->best = w->line;
	return true;
}

static bool see_open(struct walk *w, struct locate what)
{
	w->depth++;
	if (w->depth != ELEMENT || !w->in_array || w->index != what.index)
		return false;
	w->best = w->line;
	return what.key == NULL;
}

unsigned locate_line(const char *text, size_t len, struct locate what)
{
	struct walk w = {.at = text, .end = text + len, .line = 1, .best = 1};
	while (w.at < w.end) {
		const char *key;
		size_t key_len;
		switch (*w.at) {
		case '"':
			skip_string(&w, &key, &key_len);
			if (key_follows(&w) && see_key(&w, what, key, key_len))
				return w.best;
			continue;
		case '{':
		case '[':
			if (see_open(&w, what))
				return w.best;
			break;
		case '}':
		case ']':
			w.depth -= w.depth > 0;
			break;
		case ',':
			w.index += w.depth == ARRAY && w.in_array;
			break;
		case '\n':
			w.line++;
			break;
		}
		w.at++;
	}
	return w.best;
}

/* A path through objects. */
struct way {
	const char *const *path;
	size_t depth;
	size_t matched; /* keys of the path that lead to where we are */
	bool opens;     /* the value that comes next is the object of the last one */
};

static bool way_key(struct walk *w, struct way *way, const char *key, size_t len)
{
	way->opens = false;
	if (w->depth != way->matched + 1 || way->matched == way->depth || !is_word(key, len, way->path[way->matched]))
		return false;
	w->best = w->line;
	way->opens = true;
	return way->matched + 1 == way->depth;
}

static void way_open(struct walk *w, struct way *way)
{
	w->depth++;
	way->matched += way->opens;
	way->opens = false;
}

static void way_close(struct walk *w, struct way *way)
{
	w->depth -= w->depth > 0;
	if (way->matched + 1 > w->depth)
		way->matched = w->depth > 0 ? w->depth - 1 : 0;
	way->opens = false;
}

unsigned locate_member(const char *text, size_t len, const char *const *path, size_t depth)
{
	struct walk w = {.at = text, .end = text + len, .line = 1, .best = 1};
	struct way way = {.path = path, .depth = depth};
	while (w.at < w.end) {
		const char *key;
		size_t key_len;
		if (*w.at == '"') {
			skip_string(&w, &key, &key_len);
			if (key_follows(&w) && way_key(&w, &way, key, key_len))
				return w.best;
			continue;
		}
		if (*w.at == '{' || *w.at == '[')
			way_open(&w, &way);
		else if (*w.at == '}' || *w.at == ']')
			way_close(&w, &way);
		w.line += *w.at == '\n';
		w.at++;
	}
	return w.best;
}
