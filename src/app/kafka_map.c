/* The keys table can't list what librdkafka knows, so this map is judged property by property by the provider itself,
 * each with its line. */
#include "app/kafka_map.h"

#include <stdio.h>
#include <string.h>

#include "app/providers.h"
#include "base/file.h"
#include "base/mem.h"

struct reading {
	const char *file, *folder;
	struct kafka_map *map;
};

static enum rc wrong(const struct reading *r, unsigned line, struct err *e)
{
	return err_wrap(RC_BAD, e, "%s:%u: kafka", r->file, line);
}

void kafka_map_add(struct kafka_map *m, const char *key, const char *value)
{
	m->option = mem_resize(m->option, (m->count + 1) * sizeof *m->option);
	m->option[m->count++] = (struct bus_option){mem_text(key), mem_text(value)};
}

static enum rc add(struct reading *r, const char *key, const char *value, unsigned line, struct err *e)
{
	const struct bus_ops *ops = NULL;
	const struct bus_option option = {key, value};
	const char *place = NULL;
	enum rc rc = provider_bus("kafka://-", &ops, &place, e);
	if (rc == RC_OK)
		rc = bus_check(ops, place, &option, 1, e);
	if (rc != RC_OK)
		return wrong(r, line, e);
	kafka_map_add(r->map, key, value);
	return RC_OK;
}

static enum rc read_topic(struct reading *r, const struct yaml_node *n, struct err *e)
{
	enum rc rc = RC_OK;
	for (const struct yaml_node *p = n->first; p != NULL && rc == RC_OK; p = p->next) {
		if (p->kind != YAML_SCALAR) {
			err_set(RC_BAD, e, "topic: %.100s: wants one value", p->key);
			return wrong(r, p->line, e);
		}
		char *key = mem_format("topic/%s", p->key);
		rc = add(r, key, p->text, p->line, e);
		mem_free(&key);
	}
	return rc;
}

/* { file: PATH } or { env: VARIABLE }. */
static enum rc read_elsewhere(struct reading *r, const struct yaml_node *n, struct err *e)
{
	const struct yaml_node *from = n->first;
	bool file = from != NULL && strcmp(from->key, "file") == 0, env = from != NULL && strcmp(from->key, "env") == 0;
	if (from == NULL || from->next != NULL || from->kind != YAML_SCALAR || (!file && !env)) {
		err_set(RC_BAD, e, "%.100s: wants a value, or { file: PATH } or { env: VARIABLE }", n->key);
		return wrong(r, n->line, e);
	}
	char *key = mem_format("%s/%s", n->key, from->key);
	char *value = env || from->text[0] == '/' ? mem_text(from->text) : file_join(r->folder, from->text);
	enum rc rc = add(r, key, value, n->line, e);
	mem_free(&key);
	mem_free(&value);
	return rc;
}

enum rc kafka_map_read(
    const struct yaml_node *map, const char *file, const char *folder, struct kafka_map *out, struct err *e)
{
	struct reading r = {.file = file, .folder = folder, .map = out};
	enum rc rc = RC_OK;
	for (const struct yaml_node *n = map->first; n != NULL && rc == RC_OK; n = n->next) {
		if (n->kind == YAML_SCALAR) {
			rc = add(&r, n->key, n->text, n->line, e);
		} else if (n->kind == YAML_MAP && strcmp(n->key, "topic") == 0) {
			rc = read_topic(&r, n, e);
		} else if (n->kind == YAML_MAP) {
			rc = read_elsewhere(&r, n, e);
		} else {
			err_set(RC_BAD, e, "%.100s: wants one value", n->key);
			rc = wrong(&r, n->line, e);
		}
	}
	return rc;
}

void kafka_map_fini(struct kafka_map *m)
{
	for (size_t i = 0; i < m->count; i++) {
		mem_release((void *)m->option[i].key);
		mem_release((void *)m->option[i].value);
	}
	mem_free(&m->option);
	m->count = 0;
}

void kafka_map_show(const struct kafka_map *m, char *out, size_t size)
{
	size_t n = 0;
	out[0] = '\0';
	for (size_t i = 0; i < m->count && n < size; i++) {
		const char *key = m->option[i].key, *value = m->option[i].value;
		const char *slash = strrchr(key, '/');
		n += (size_t)snprintf(out + n, size - n, "%s ", i == 0 ? "{" : ",");
		if (n >= size)
			break;
		if (strncmp(key, "topic/", 6) == 0)
			n += (size_t)snprintf(out + n, size - n, "topic: { %s: %s }", key + 6, value);
		else if (slash != NULL)
			n += (size_t)snprintf(
			    out + n, size - n, "%.*s: { %s: %s }", (int)(slash - key), key, slash + 1, value);
		else
			n += (size_t)snprintf(out + n, size - n, "%s: %s", key, value);
	}
	if (m->count > 0 && n < size)
		snprintf(out + n, size - n, " }");
}
