/* Trees are small (a table of a hundred columns has a thousand nodes), so lists of children are enough. */
#include "format/thrift_tree.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

struct tree *tree_new(enum ttype type)
{
	struct tree *t = mem_zero(1, sizeof *t);
	t->type = type;
	return t;
}

/* Depth is bounded where trees are read (thrift_binary) and by the code where they are built. */
void tree_free(struct tree **t)
{
	if (*t == NULL)
		return;
	for (struct tree *child = (*t)->first, *next; child != NULL; child = next) {
		next = child->next;
		tree_free(&child);
	}
	mem_free(&(*t)->bytes);
	mem_free(t);
}

struct tree *tree_copy(const struct tree *t)
{
	struct tree *to = tree_new(t->type);
	to->id = t->id;
	to->of = t->of;
	to->key = t->key;
	to->number = t->number;
	to->bytes = t->bytes != NULL ? mem_text_n(t->bytes, t->len) : NULL;
	to->len = t->len;
	for (const struct tree *child = t->first; child != NULL; child = child->next)
		tree_add(to, child->id, tree_copy(child));
	return to;
}

struct tree *tree_add(struct tree *parent, int16_t id, struct tree *child)
{
	assert(child->next == NULL);
	child->id = id;
	if (parent->last != NULL)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
	parent->children++;
	return child;
}

struct tree *tree_add_bytes(struct tree *parent, int16_t id, const void *bytes, size_t len)
{
	struct tree *t = tree_new(T_STRING);
	t->bytes = mem_text_n(bytes, len);
	t->len = len;
	return tree_add(parent, id, t);
}

struct tree *tree_add_text(struct tree *parent, int16_t id, const char *text)
{
	return tree_add_bytes(parent, id, text, strlen(text));
}

struct tree *tree_add_number(struct tree *parent, int16_t id, enum ttype type, int64_t number)
{
	struct tree *t = tree_new(type);
	t->number = number;
	return tree_add(parent, id, t);
}

struct tree *tree_add_struct(struct tree *parent, int16_t id)
{
	return tree_add(parent, id, tree_new(T_STRUCT));
}

struct tree *tree_add_list(struct tree *parent, int16_t id, enum ttype of)
{
	struct tree *t = tree_new(T_LIST);
	t->of = of;
	return tree_add(parent, id, t);
}

struct tree *tree_add_map(struct tree *parent, int16_t id)
{
	struct tree *t = tree_new(T_MAP);
	t->of = t->key = T_STRING;
	return tree_add(parent, id, t);
}

struct tree *tree_field(const struct tree *t, int16_t id, enum ttype type)
{
	for (struct tree *child = t != NULL ? t->first : NULL; child != NULL; child = child->next)
		if (child->id == id)
			return child->type == type ? child : NULL;
	return NULL;
}

const char *tree_string(const struct tree *t)
{
	return t != NULL && t->type == T_STRING && strlen(t->bytes) == t->len ? t->bytes : NULL;
}

const char *tree_text(const struct tree *t, int16_t id)
{
	return tree_string(tree_field(t, id, T_STRING));
}

void tree_drop(struct tree *t, int16_t id)
{
	struct tree *before = NULL;
	for (struct tree *child = t->first; child != NULL; before = child, child = child->next) {
		if (child->id != id)
			continue;
		if (before != NULL)
			before->next = child->next;
		else
			t->first = child->next;
		if (t->last == child)
			t->last = before;
		t->children--;
		tree_free(&child);
		return;
	}
}

/* The value after a key, or NULL. */
static struct tree *map_value(const struct tree *map, const char *key)
{
	for (struct tree *k = map->first; k != NULL && k->next != NULL; k = k->next->next) {
		const char *text = tree_string(k);
		if (text != NULL && strcmp(text, key) == 0)
			return k->next;
	}
	return NULL;
}

const char *tree_map_text(const struct tree *map, const char *key)
{
	return map != NULL && map->type == T_MAP ? tree_string(map_value(map, key)) : NULL;
}

void tree_map_put(struct tree *map, const char *key, const char *value)
{
	struct tree *there = map_value(map, key);
	assert(map->key == T_STRING && map->of == T_STRING);
	if (there == NULL) {
		tree_add_text(map, 0, key);
		tree_add_text(map, 0, value);
		return;
	}
	mem_free(&there->bytes);
	there->bytes = mem_text(value);
	there->len = strlen(value);
}
