/* Turns a file into settings in two steps: each key alone by the keys table, then what keys mean to each other. */
#include "app/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/budgets.h"
#include "app/catalog_settle.h"
#include "app/folders.h"
#include "app/keys.h"
#include "app/nearest.h"
#include "app/places_settle.h"
#include "app/providers.h"
#include "app/schemas.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "ext/yaml.h"
#include "ops/address.h"

enum { PIPELINES_MAX = 256, NAME_MAX_CHARS = 64, KEY_CHARS = 160, OPTIONS_MAX = 1024 };

/* What is at work while one file is read. */
struct load {
	const char *file;
	char *folder; /* where relative paths begin */
	struct config *config;
	struct pipeline *pipeline; /* the entry being read */
};

static enum rc wrong(const struct load *l, unsigned line, struct err *e, const char *key)
{
	return err_wrap(RC_BAD, e, "%s:%u: %s", l->file, line, key);
}

static void remember(struct load *l, const struct config_key *key, unsigned line)
{
	struct config *c = l->config;
	c->origin = mem_resize(c->origin, (c->origins + 1) * sizeof *c->origin);
	c->origin[c->origins++] =
	    (struct config_origin){l->pipeline != NULL ? l->pipeline->name : NULL, key->name, line};
}

static void fill_defaults(enum key_scope scope, void *base)
{
	struct err e;
	for (size_t i = 0; i < key_count; i++) {
		const struct config_key *k = &key_table[i];
		if (k->scope != scope || k->fallback == NULL || strcmp(k->name, "after") == 0)
			continue;
		if (key_read(k, k->fallback, base, &e) != RC_OK)
			abort(); /* a default outside its own range is our bug */
	}
}

/* A name that becomes part of a topic's and a folder's name. */
static bool plain_name(const char *name)
{
	size_t len = strlen(name);
	return len > 0 && len <= NAME_MAX_CHARS &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == len;
}

/* ---- keys of one pipeline that are more than a value ---- */

static enum rc read_dissector(struct load *l, const struct yaml_node *n, struct err *e)
{
	enum rc rc = provider_dissector(n->text, &l->pipeline->dissector, e);
	return rc == RC_OK ? rc : wrong(l, n->line, e, "dissector");
}

static enum rc read_after(struct load *l, const struct yaml_node *n, struct err *e)
{
	struct pipeline *p = l->pipeline;
	if (strcmp(n->text, "keep") == 0) {
		p->after = AFTER_KEEP;
	} else if (strcmp(n->text, "delete") == 0) {
		p->after = AFTER_DELETE;
	} else if (str_starts(n->text, "move:") && n->text[5] != '\0') {
		p->after = AFTER_MOVE;
		mem_free(&p->after_dir);
		p->after_dir = folders_from(l->folder, n->text + 5);
		folders_tidy(p->after_dir);
	} else {
		err_set(RC_BAD, e, "keep, delete or move:FOLDER, not \"%.60s\"", n->text);
		return wrong(l, n->line, e, "after");
	}
	return RC_OK;
}

static enum rc read_map(struct load *l, const struct yaml_node *map, struct err *e)
{
	struct pipeline *p = l->pipeline;
	for (const struct yaml_node *n = map->first; n != NULL; n = n->next) {
		/* A list is the same key several times, as -O says it. */
		const struct yaml_node *value = n->kind == YAML_LIST ? n->first : n;
		for (; value != NULL; value = n->kind == YAML_LIST ? value->next : NULL) {
			if (value->kind != YAML_SCALAR) {
				err_set(RC_BAD, e, "wants one value, or a list of values");
				return wrong(l, n->line, e, n->key);
			}
			/* A bound on what a long file costs, far above what any dissector takes. */
			if (p->options == OPTIONS_MAX) {
				err_set(RC_BAD, e, "a pipeline has at most %d options", OPTIONS_MAX);
				return wrong(l, value->line, e, n->key);
			}
			p->option = mem_resize(p->option, (p->options + 1) * sizeof *p->option);
			p->option[p->options++] = (struct dissect_option){mem_text(n->key), mem_text(value->text)};
		}
	}
	return RC_OK;
}

/* ---- the walk ---- */

static enum rc read_numbers(struct load *l, const struct config_key *key, const struct yaml_node *list, struct err *e)
{
	for (const struct yaml_node *n = list->first; n != NULL; n = n->next) {
		enum rc rc = n->kind == YAML_SCALAR ? key_read(key, n->text, l->config, e)
		                                    : err_set(RC_BAD, e, "wants numbers: [0, 3]");
		if (rc != RC_OK)
			return wrong(l, n->line, e, key->name);
	}
	return RC_OK;
}

static enum rc read_value(struct load *l, const struct config_key *key, const struct yaml_node *n, struct err *e)
{
	remember(l, key, n->line);
	bool of_pipeline = key->scope == KEY_PIPELINE;
	if (key->kind == KEY_MAP && n->kind == YAML_MAP && !of_pipeline)
		return kafka_map_read(n, l->file, l->folder, &l->config->kafka, e);
	if (key->kind == KEY_MAP && n->kind == YAML_MAP)
		return read_map(l, n, e);
	if (key->kind == KEY_NUMBERS && n->kind == YAML_LIST)
		return read_numbers(l, key, n, e);
	if (key->kind == KEY_MAP || n->kind != YAML_SCALAR) {
		err_set(RC_BAD, e,
		    key->kind == KEY_MAP       ? "wants names and values: { key: value }"
		    : key->kind == KEY_NUMBERS ? "wants numbers: [0, 3]"
		                               : "wants one value");
		return wrong(l, n->line, e, key->name);
	}
	if (of_pipeline && strcmp(key->name, "dissector") == 0)
		return read_dissector(l, n, e);
	if (of_pipeline && strcmp(key->name, "after") == 0)
		return read_after(l, n, e);
	if (of_pipeline && strcmp(key->name, "dataset") == 0)
		return RC_OK; /* read once the dissector is known: see bind */
	enum rc rc = key_read(key, n->text, of_pipeline ? (void *)l->pipeline : (void *)l->config, e);
	return rc == RC_OK ? rc : wrong(l, n->line, e, key->name);
}

static enum rc walk(struct load *l, enum key_scope scope, const struct yaml_node *map, const char *group, struct err *e)
{
	for (const struct yaml_node *n = map->first; n != NULL; n = n->next) {
		char name[KEY_CHARS], hint[KEY_CHARS];
		snprintf(name, sizeof name, "%s%s%.80s", group, group[0] != '\0' ? "." : "", n->key);
		if (scope == KEY_GLOBAL && strcmp(name, "pipelines") == 0)
			continue;
		const struct config_key *key = key_find(scope, name);
		enum rc rc;
		/* "partitions" is a key, and the first part of others. */
		bool is_group = key_is_group(scope, name) && n->kind == YAML_MAP;
		if (key != NULL && !is_group) {
			for (size_t i = 0; i < l->config->origins; i++) {
				const struct config_origin *o = &l->config->origin[i];
				const char *here = l->pipeline != NULL ? l->pipeline->name : NULL;
				if (o->key != key->name || o->pipeline != here)
					continue;
				err_set(RC_BAD, e, "was given in line %u already", o->line);
				return wrong(l, n->line, e, name);
			}
			rc = read_value(l, key, n, e);
		} else if (is_group) {
			rc = walk(l, scope, n, name, e);
		} else if (key_is_group(scope, name)) {
			err_set(RC_BAD, e, "is a group of keys: %s: { ... }", name);
			rc = wrong(l, n->line, e, name);
		} else {
			key_hint(scope, name, hint, sizeof hint);
			err_set(RC_BAD, e, "unknown key%s", hint);
			rc = wrong(l, n->line, e, name);
		}
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc must_have(struct load *l, enum key_scope scope, unsigned line, struct err *e)
{
	const char *here = l->pipeline != NULL ? l->pipeline->name : NULL;
	for (size_t i = 0; i < key_count; i++) {
		const struct config_key *k = &key_table[i];
		if (k->scope != scope || k->fallback != NULL || k->otherwise != NULL ||
		    config_line(l->config, here, k->name) != 0)
			continue;
		err_set(RC_BAD, e, "\"%s\" must be given", k->name);
		return here == NULL ? err_wrap(RC_BAD, e, "%s", l->file) : wrong(l, line, e, here);
	}
	return RC_OK;
}

/* ---- what keys mean to each other ---- */

static enum rc find_schema(struct load *l, const char *dataset, const struct schema **out, struct err *e)
{
	struct config *c = l->config;
	for (size_t i = 0; i < c->schemas_used; i++) {
		if (strcmp(c->schema[i]->name, dataset) == 0) {
			*out = c->schema[i];
			return RC_OK;
		}
	}
	struct schema *s = NULL;
	enum rc rc = schemas_find(c->schemas, dataset, &s, e);
	if (rc != RC_OK)
		return rc;
	c->schema = mem_resize(c->schema, (c->schemas_used + 1) * sizeof(struct schema *));
	c->schema[c->schemas_used++] = s;
	*out = s;
	return RC_OK;
}

/* Pattern, dataset and projections follow from the dissector. */
static enum rc bind_dataset(struct load *l, const struct yaml_node *entry, struct err *e)
{
	struct pipeline *p = l->pipeline;
	const struct yaml_node *dataset = yaml_get(entry, "dataset");
	unsigned line = dataset != NULL ? dataset->line : entry->line;
	if (p->pattern == NULL)
		p->pattern = strcmp(p->dissector->name, "nfcapd") == 0 ? mem_text("nfcapd.*") : mem_text("[!.]*");
	const char *name = dataset != NULL ? dataset->text : p->dissector->dataset;
	enum rc rc = name != NULL ? find_schema(l, name, &p->schema, e)
	                          : err_set(RC_BAD, e, "must be given: %s has no table of its own", p->dissector->name);
	struct projection *projection = NULL;
	if (rc == RC_OK)
		rc = dissect_bind(p->dissector, p->schema, &projection, e);
	if (rc != RC_OK)
		return wrong(l, line, e, "dataset");
	p->projection = projection;
	p->rendered = projection_rendered(p->schema);
	return RC_OK;
}

/* Options are the dissector's own to judge: open it over nothing. */
static enum rc try_options(struct load *l, const struct yaml_node *entry, struct err *e)
{
	struct pipeline *p = l->pipeline;
	struct dissector *d = NULL;
	struct dissect_hints hints = {.name = "", .size = 0};
	struct dissect_params params = dissect_params_of(p->projection, p->option, p->options);
	enum rc rc = dissect_open(p->dissector, source_memory("", 0), &hints, &params, &d, e);
	dissect_close(&d);
	const struct yaml_node *options = yaml_get(entry, "options");
	return rc == RC_OK ? rc : wrong(l, options != NULL ? options->line : entry->line, e, "options");
}

static enum rc read_pipeline(struct load *l, const struct yaml_node *entry, struct err *e)
{
	struct pipeline *p = l->pipeline;
	p->name = mem_text(entry->key);
	p->settle_ms = l->config->settle_ms;
	if (!plain_name(p->name)) {
		err_set(RC_BAD, e, "a pipeline's name has letters, digits, - and _, at most %d", NAME_MAX_CHARS);
		return wrong(l, entry->line, e, p->name);
	}
	if (entry->kind != YAML_MAP) {
		err_set(RC_BAD, e, "wants { watch: FOLDER, dissector: NAME }");
		return wrong(l, entry->line, e, p->name);
	}
	fill_defaults(KEY_PIPELINE, p);
	enum rc rc = walk(l, KEY_PIPELINE, entry, "", e);
	if (rc == RC_OK)
		rc = must_have(l, KEY_PIPELINE, entry->line, e);
	if (rc == RC_OK)
		rc = bind_dataset(l, entry, e);
	if (rc == RC_OK)
		rc = try_options(l, entry, e);
	if (rc != RC_OK)
		return rc;
	char *watch = folders_from(l->folder, p->watch);
	mem_free(&p->watch);
	p->watch = watch;
	folders_tidy(p->watch);
	return RC_OK;
}

static enum rc read_pipelines(struct load *l, const struct yaml_node *map, struct err *e)
{
	struct settings *s = &l->config->settings;
	size_t count = 0;
	if (map == NULL || map->kind != YAML_MAP || map->first == NULL)
		return err_set(RC_BAD, e,
		    "%s: \"pipelines\" must name at least one: pipelines: { flow: { watch: FOLDER, dissector: nfcapd } "
		    "}",
		    l->file);
	for (const struct yaml_node *n = map->first; n != NULL; n = n->next)
		count++;
	if (count > PIPELINES_MAX)
		return err_set(RC_BAD, e, "%s:%u: pipelines: at most %d", l->file, map->line, PIPELINES_MAX);
	s->pipeline = mem_zero(count, sizeof *s->pipeline);
	enum rc rc = RC_OK;
	for (const struct yaml_node *n = map->first; n != NULL && rc == RC_OK; n = n->next) {
		l->pipeline = &s->pipeline[s->pipelines++];
		rc = read_pipeline(l, n, e);
	}
	l->pipeline = NULL;
	return rc;
}

/* The host's name as part of topic names: "Edge-1.example" is edge-1. */
static char *host_name(void)
{
	char name[256] = "";
	if (gethostname(name, sizeof name - 1) != 0)
		name[0] = '\0';
	name[strcspn(name, ".")] = '\0';
	name[NAME_MAX_CHARS] = '\0';
	for (char *p = name; *p != '\0'; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
		else if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_'))
			*p = '-';
	}
	return mem_text(name[0] != '\0' ? name : "sluice");
}

/* Spark reads topics of a broker, not our own files. */
static enum rc check_rows_workers(struct load *l, struct err *e)
{
	const struct settings *s = &l->config->settings;
	for (size_t i = 0; i < s->pipelines; i++) {
		const struct pipeline *p = &s->pipeline[i];
		if (p->rows_worker != ROWS_SPARK || strcmp(s->bus->scheme, "embedded") != 0)
			continue;
		err_set(RC_BAD, e, "spark cannot read the embedded bus; it wants bus: kafka://HOST:PORT");
		return wrong(l, config_line(l->config, p->name, "rows_worker"), e, "rows_worker");
	}
	return RC_OK;
}

static enum rc check_ops(struct load *l, struct err *e)
{
	struct config_ops *o = &l->config->ops;
	struct address ignored;
	if (o->listen != NULL && address_parse(o->listen, &ignored, e) != RC_OK)
		return wrong(l, config_line(l->config, NULL, "ops.listen"), e, "ops.listen");
	if (o->token_file != NULL) {
		char *path = folders_from(l->folder, o->token_file);
		mem_free(&o->token_file);
		o->token_file = path;
	}
	return RC_OK;
}

/* Folders that would feed themselves: a lake inside a watched folder is archived into itself. */
static enum rc check_folders(struct load *l, struct err *e)
{
	struct settings *s = &l->config->settings;
	const char *lake = strcmp(s->store->scheme, "file") == 0 ? s->store_place : s->state;
	for (size_t i = 0; i < s->pipelines; i++) {
		struct pipeline *p = &s->pipeline[i];
		const char *what = folders_inside(lake, p->watch)       ? "the lake"
		                   : folders_inside(s->state, p->watch) ? "state"
		                                                        : NULL;
		if (what != NULL && p->recursive)
			err_set(RC_BAD, e, "%s lies inside it", what);
		else if (folders_inside(p->watch, lake))
			err_set(RC_BAD, e, "lies inside the lake");
		else
			what = NULL;
		if ((what != NULL && p->recursive) || folders_inside(p->watch, lake))
			return wrong(l, config_line(l->config, p->name, "watch"), e, "watch");
		if (p->after == AFTER_MOVE && p->recursive && folders_inside(p->after_dir, p->watch)) {
			err_set(RC_BAD, e, "the folder lies inside the watched one");
			return wrong(l, config_line(l->config, p->name, "after"), e, "after");
		}
	}
	return RC_OK;
}

static const enum codec codec_of_choice[] = {CODEC_NONE, CODEC_SNAPPY, CODEC_ZSTD, CODEC_GZIP};

static enum rc settle(struct load *l, struct err *e)
{
	struct config *c = l->config;
	struct settings *s = &c->settings;
	if (s->instance == NULL)
		s->instance = host_name();
	if (!plain_name(s->instance)) {
		err_set(RC_BAD, e, "\"%.80s\" has other characters than letters, digits, - and _, or more than %d",
		    s->instance, NAME_MAX_CHARS);
		return wrong(l, config_line(c, NULL, "instance"), e, "instance");
	}
	const char *key = NULL;
	enum rc rc = places_settle(c, l->folder, &key, e);
	if (rc == RC_OK)
		rc = catalog_settle(c, &key, e);
	if (rc == RC_OK)
		rc = budgets_settle(c, &key, e);
	if (rc != RC_OK)
		return wrong(l, config_line(c, NULL, key), e, key);
	s->parquet = (struct parquet_options){.codec = codec_of_choice[c->codec],
	    .level = (int)c->level,
	    .row_group_rows = c->row_group_rows,
	    .page_rows = c->page_rows};
	s->clean_age_ms = INT64_C(3600) * 1000;
	for (size_t i = 0; i < s->pipelines; i++) {
		struct pipeline *p = &s->pipeline[i];
		p->topic_files = mem_format("%s.%s.files", s->instance, p->name);
		p->topic_rows = mem_format("%s.%s.rows", s->instance, p->name);
		p->topic_replay = mem_format("%s.%s.replay", s->instance, p->name);
	}
	rc = check_rows_workers(l, e);
	if (rc == RC_OK)
		rc = check_ops(l, e);
	return rc == RC_OK ? check_folders(l, e) : rc;
}

enum rc config_parse(const char *file, const char *text, size_t size, struct config **out, struct err *e)
{
	struct yaml_node *root = NULL;
	struct config *c = mem_zero(1, sizeof *c);
	struct load l = {.file = file, .folder = folders_of(file), .config = c};
	c->settings.file = mem_text(file);
	enum rc rc = yaml_load(file, text, size, &root, e);
	if (rc == RC_OK && root->kind != YAML_MAP)
		rc = err_set(RC_BAD, e, "%s:%u: a configuration is a map of keys", file, root->line);
	if (rc == RC_OK) {
		fill_defaults(KEY_GLOBAL, c);
		rc = walk(&l, KEY_GLOBAL, root, "", e);
	}
	if (rc == RC_OK)
		rc = must_have(&l, KEY_GLOBAL, 0, e);
	if (rc == RC_OK && c->schemas != NULL) {
		char *folder = folders_from(l.folder, c->schemas);
		mem_free(&c->schemas);
		c->schemas = folder;
	}
	if (rc == RC_OK)
		rc = read_pipelines(&l, yaml_get(root, "pipelines"), e);
	if (rc == RC_OK)
		rc = settle(&l, e);
	yaml_tree_free(&root);
	mem_free(&l.folder);
	if (rc == RC_OK)
		*out = c;
	else
		config_free(&c);
	return rc;
}

enum rc config_load(const char *file, struct config **out, struct err *e)
{
	char *text = NULL;
	size_t size = 0;
	enum rc rc = file_load(file, CONFIG_MAX, &text, &size, e);
	if (rc == RC_END)
		return err_set(RC_BAD, e, "%s: no such file", file);
	if (rc == RC_OK)
		rc = config_parse(file, text, size, out, e);
	mem_free(&text);
	return rc;
}

static void pipeline_fini(struct pipeline *p)
{
	struct projection *projection[] = {(struct projection *)p->projection, (struct projection *)p->rendered};
	projection_free(&projection[0]);
	projection_free(&projection[1]);
	for (size_t i = 0; i < p->options; i++) {
		mem_release((void *)p->option[i].key);
		mem_release((void *)p->option[i].value);
	}
	mem_free(&p->option);
	mem_free(&p->name);
	mem_free(&p->watch);
	mem_free(&p->pattern);
	mem_free(&p->after_dir);
	mem_free(&p->topic_files);
	mem_free(&p->topic_rows);
	mem_free(&p->topic_replay);
}

void config_free(struct config **cp)
{
	struct config *c = *cp;
	if (c == NULL)
		return;
	struct settings *s = &c->settings;
	for (size_t i = 0; i < s->pipelines; i++)
		pipeline_fini(&s->pipeline[i]);
	mem_free(&s->pipeline);
	for (size_t i = 0; i < c->schemas_used; i++)
		schema_free(&c->schema[i]);
	mem_free(&c->schema);
	for (size_t i = 0; i < s->store_options; i++)
		mem_release((void *)s->store_option[i].value);
	mem_free(&s->store_option);
	kafka_map_fini(&(struct kafka_map){s->bus_option, s->bus_options});
	kafka_map_fini(&c->kafka);
	mem_free(&s->partitions.at);
	catalog_settle_free(c);
	char **text[] = {&s->file, &s->instance, &s->lake_url, &s->bus_url, &s->store_place, &s->bus_place, &s->state,
	    &c->user, &c->schemas, &c->webhdfs.user, &c->webhdfs.token_file, &c->webhdfs.ca_file, &c->ops.listen,
	    &c->ops.names, &c->ops.token_file};
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
		mem_free(text[i]);
	mem_free(&c->origin);
	mem_free(cp);
}

unsigned config_line(const struct config *c, const char *pipeline, const char *key)
{
	for (size_t i = 0; i < c->origins; i++) {
		const struct config_origin *o = &c->origin[i];
		bool here =
		    pipeline == NULL ? o->pipeline == NULL : o->pipeline != NULL && strcmp(o->pipeline, pipeline) == 0;
		if (here && strcmp(o->key, key) == 0)
			return o->line;
	}
	return 0;
}
