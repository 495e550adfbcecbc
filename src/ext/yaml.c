/*
 * yaml: events of libyaml into a tree that remembers lines. What a configuration does not need (anchors, tags, merge
 * keys, keys that are no scalars, several documents) is refused, so that what stands in the file is what it says.
 */
#include "ext/yaml.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"

enum { DEPTH_MAX = 16, NODES_MAX = 100000 };

struct loader {
	yaml_parser_t parser;
	const char *file;
	const char *bytes;
	size_t size;
	unsigned nodes;
	struct err *e;
};

static enum rc refuse(struct loader *l, size_t line, const char *reason)
{
	return err_set(RC_BAD, l->e, "%s:%zu: %s", l->file, line, reason);
}

static size_t line_of(const yaml_event_t *event)
{
	return event->start_mark.line + 1;
}

/* Is there a tab before anything else in that line, from 0? The parser says of one whatever it stumbles over next. */
static bool tab_indents(const struct loader *l, size_t line)
{
	const char *p = l->bytes, *end = p + l->size;
	for (; line > 0 && p < end; line--) {
		const char *feed = memchr(p, '\n', (size_t)(end - p));
		p = feed != NULL ? feed + 1 : end;
	}
	while (p < end && *p == ' ')
		p++;
	return p < end && *p == '\t';
}

static enum rc next_event(struct loader *l, yaml_event_t *event)
{
	if (yaml_parser_parse(&l->parser, event))
		return RC_OK;
	/* A reader error (encoding) has no mark of its own. */
	yaml_mark_t mark = l->parser.error == YAML_READER_ERROR ? l->parser.mark : l->parser.problem_mark;
	if (l->parser.error == YAML_SCANNER_ERROR && tab_indents(l, mark.line))
		return refuse(l, mark.line + 1, "a tab; YAML indents with blanks");
	return refuse(l, mark.line + 1, l->parser.problem != NULL ? l->parser.problem : "not YAML");
}

static bool has_anchor_or_tag(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor != NULL || event->data.sequence_start.tag != NULL;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL;
	default:
		return event->type == YAML_ALIAS_EVENT;
	}
}

static int by_key_then_line(const void *a, const void *b)
{
	const struct yaml_node *x = *(const struct yaml_node *const *)a, *y = *(const struct yaml_node *const *)b;
	int order = strcmp(x->key, y->key);
	return order != 0 ? order : x->line < y->line ? -1 : x->line > y->line;
}

/* Sorted, because a hostile map may have as many keys as nodes are allowed. */
static enum rc refuse_doubled_keys(struct loader *l, const struct yaml_node *map, size_t count)
{
	const struct yaml_node **sorted = mem_zero(count, sizeof *sorted);
	size_t n = 0;
	for (const struct yaml_node *child = map->first; child != NULL; child = child->next)
		sorted[n++] = child;
	qsort(sorted, n, sizeof *sorted, by_key_then_line);
	enum rc rc = RC_OK;
	for (size_t i = 1; i < n && rc == RC_OK; i++)
		if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
			rc = err_set(RC_BAD, l->e, "%s:%u: key \"%s\" stands on line %u already", l->file,
			    sorted[i]->line, sorted[i]->key, sorted[i - 1]->line);
	mem_free(&sorted);
	return rc;
}

static enum rc scalar_text(struct loader *l, const yaml_event_t *event, char **out)
{
	const char *value = (const char *)event->data.scalar.value;
	if (memchr(value, '\0', event->data.scalar.length) != NULL)
		return refuse(l, line_of(event), "a NUL in a value");
	*out = mem_text_n(value, event->data.scalar.length);
	return RC_OK;
}

static enum rc node_of(struct loader *l, const yaml_event_t *event, unsigned depth, struct yaml_node **out);

/* The key of a map's entry is the event at hand; its value is the next one. */
static enum rc keyed_child(struct loader *l, const yaml_event_t *event, unsigned depth, struct yaml_node **out)
{
	yaml_event_t value_event;
	char *key = NULL;
	if (event->type != YAML_SCALAR_EVENT)
		return refuse(l, line_of(event), "a key must be a plain text");
	if (has_anchor_or_tag(event))
		return refuse(l, line_of(event), "anchors, aliases and tags are not allowed");
	enum rc rc = scalar_text(l, event, &key);
	if (rc != RC_OK)
		return rc;
	if (strcmp(key, "<<") == 0) {
		rc = refuse(l, line_of(event), "merge keys are not allowed");
		goto out;
	}
	rc = next_event(l, &value_event);
	if (rc != RC_OK)
		goto out;
	struct yaml_node *child = NULL;
	rc = node_of(l, &value_event, depth, &child);
	yaml_event_delete(&value_event);
	if (rc == RC_OK) {
		child->key = key;
		child->line = (unsigned)line_of(event);
		key = NULL;
		*out = child;
	}
out:
	mem_free(&key);
	return rc;
}

static enum rc fill(struct loader *l, struct yaml_node *parent, unsigned depth)
{
	struct yaml_node **tail = &parent->first;
	size_t count = 0;
	yaml_event_t event;
	for (;;) {
		enum rc rc = next_event(l, &event);
		if (rc != RC_OK)
			return rc;
		if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
			break;
		if (parent->kind == YAML_MAP)
			rc = keyed_child(l, &event, depth + 1, tail);
		else
			rc = node_of(l, &event, depth + 1, tail);
		yaml_event_delete(&event);
		if (rc != RC_OK)
			return rc;
		tail = &(*tail)->next;
		count++;
	}
	yaml_event_delete(&event);
	return parent->kind == YAML_MAP ? refuse_doubled_keys(l, parent, count) : RC_OK;
}

static enum rc node_of(struct loader *l, const yaml_event_t *event, unsigned depth, struct yaml_node **out)
{
	if (has_anchor_or_tag(event))
		return refuse(l, line_of(event), "anchors, aliases and tags are not allowed");
	if (depth >= DEPTH_MAX)
		return refuse(l, line_of(event), "nested too deeply");
	if (++l->nodes > NODES_MAX)
		return refuse(l, line_of(event), "too many entries");

	struct yaml_node *node = mem_zero(1, sizeof *node);
	node->line = (unsigned)line_of(event);
	enum rc rc;
	if (event->type == YAML_SCALAR_EVENT) {
		node->kind = YAML_SCALAR;
		rc = scalar_text(l, event, &node->text);
	} else {
		node->kind = event->type == YAML_MAPPING_START_EVENT ? YAML_MAP : YAML_LIST;
		rc = fill(l, node, depth);
	}
	if (rc == RC_OK)
		*out = node;
	else
		yaml_tree_free(&node);
	return rc;
}

/* The events around the one document: stream start, document start, its node, document end, stream end. */
static enum rc document(struct loader *l, struct yaml_node **root)
{
	bool ended = false;
	while (!ended) {
		yaml_event_t event;
		enum rc rc = next_event(l, &event);
		if (rc != RC_OK)
			return rc;
		switch (event.type) {
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			break;
		case YAML_STREAM_END_EVENT:
			ended = true;
			break;
		case YAML_DOCUMENT_START_EVENT:
			if (*root != NULL)
				rc = refuse(l, line_of(&event), "a second document");
			break;
		default:
			rc = node_of(l, &event, 0, root);
		}
		yaml_event_delete(&event);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static bool is_nothing(const struct yaml_node *node)
{
	return node == NULL || (node->kind == YAML_SCALAR && *node->text == '\0');
}

enum rc yaml_load(const char *file, const char *bytes, size_t size, struct yaml_node **out, struct err *e)
{
	struct loader l = {.file = file, .bytes = bytes, .size = size, .e = e};
	struct yaml_node *root = NULL;
	if (!yaml_parser_initialize(&l.parser))
		return err_set(RC_AGAIN, e, "%s: no memory for the parser", file);
	yaml_parser_set_input_string(&l.parser, (const unsigned char *)bytes, size);
	enum rc rc = document(&l, &root);
	yaml_parser_delete(&l.parser);
	if (rc != RC_OK) {
		yaml_tree_free(&root);
		return rc;
	}
	if (is_nothing(root)) {
		yaml_tree_free(&root);
		root = mem_zero(1, sizeof *root);
		*root = (struct yaml_node){.kind = YAML_MAP, .line = 1};
	}
	*out = root;
	return RC_OK;
}

void yaml_tree_free(struct yaml_node **root)
{
	struct yaml_node *node = *root;
	*root = NULL;
	while (node != NULL) {
		struct yaml_node *next = node->next;
		yaml_tree_free(&node->first);
		mem_free(&node->key);
		mem_free(&node->text);
		mem_free(&node);
		node = next;
	}
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	if (map == NULL || map->kind != YAML_MAP)
		return NULL;
	for (const struct yaml_node *child = map->first; child != NULL; child = child->next)
		if (strcmp(child->key, key) == 0)
			return child;
	return NULL;
}
