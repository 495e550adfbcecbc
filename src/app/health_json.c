/* What `sluice status --json` and /api/status say is one object, so that it is made in one place. */
#include "app/health_json.h"

#include <string.h>

#include "base/str.h"

enum { PATH_SHOWN = 4096 };

static const char *shown(const char *path, char out[PATH_SHOWN])
{
	size_t len = strlen(path);
	str_escape(path, len < PATH_SHOWN / 4 - 1 ? len : PATH_SHOWN / 4 - 1, out);
	return out;
}

static void put(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *named(json_t *list, const char *key, const char *name)
{
	json_t *one = json_object();
	json_object_set_new(one, key, json_string(name));
	json_array_append_new(list, one);
	return one;
}

static json_t *json_processes(const struct health *h)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < h->processes; i++) {
		const struct health_process *p = &h->process[i];
		json_t *one = named(list, "name", p->name);
		put(one, "pid", (uint64_t)p->pid);
		json_object_set_new(one, "alive", json_boolean(p->alive));
		put(one, "up_ms", (uint64_t)p->up_ms);
		put(one, "memory_bytes", p->memory);
		put(one, "confined_memory_bytes", p->confined_memory);
		put(one, "restarts", p->restarts);
		json_object_set_new(one, "stopped", json_boolean(p->stopped));
		json_object_set_new(one, "accepting", json_boolean(p->accepting));
		json_object_set_new(one, "waiting", json_boolean(p->waiting));
	}
	return list;
}

static json_t *json_waits(const struct health *h)
{
	json_t *list = json_array();
	for (size_t i = 0; i < h->waits; i++) {
		json_t *one = named(list, "process", h->wait[i].process);
		json_object_set_new(one, "what", json_string(h->wait[i].what));
		put(one, "since_ms", (uint64_t)h->wait[i].since_ms);
		json_object_set_new(one, "reason", json_string(h->wait[i].why));
	}
	return list;
}

static json_t *json_pipelines(const struct health *h)
{
	json_t *list = json_array();
	for (size_t i = 0; i < h->pipelines; i++) {
		const struct ledger_counts *c = &h->pipeline[i].counts;
		json_t *one = named(list, "name", h->pipeline[i].pipeline->name);
		put(one, "originals", health_originals(c));
		put(one, "archived", c->original[LEDGER_ARCHIVED]);
		put(one, "published", c->original[LEDGER_PUBLISHED]);
		put(one, "committed", c->original[LEDGER_COMMITTED]);
		put(one, "refused", c->original[LEDGER_REFUSED]);
		put(one, "doubled", c->doubles);
		put(one, "aside", c->aside);
	}
	return list;
}

static json_t *json_partitions(const struct health *h)
{
	json_t *list = json_array();
	for (size_t i = 0; i < h->partitions; i++) {
		const struct health_partition *p = &h->partition[i];
		json_t *one = named(list, "topic", p->topic);
		put(one, "partition", p->partition);
		put(one, "first", p->first);
		put(one, "next", p->next);
		put(one, "committed", p->committed);
		put(one, "lag", health_lag(p));
		put(one, "commit_ms", (uint64_t)p->commit_ms);
	}
	return list;
}

static json_t *json_usage(uint64_t used, uint64_t bound)
{
	json_t *one = json_object();
	put(one, "used_bytes", used);
	put(one, "bound_bytes", bound);
	return one;
}

static json_t *json_budgets(const struct health *h)
{
	json_t *list = json_array();
	for (unsigned l = 0; l < LIMIT_COUNT; l++) {
		const struct budget_state *b = &h->budget[l];
		json_t *one = named(list, "key", limit_info[l].key);
		json_object_set_new(one, "unit", json_string(limit_info[l].unit));
		json_object_set_new(one, "most", json_boolean(limit_info[l].most));
		json_object_set_new(one, "counts", json_string(limit_info[l].counts));
		json_object_set_new(one, "at_limit", json_string(limit_info[l].then));
		put(one, "used", b->used);
		put(one, "limit", b->bound);
		put(one, "reached", b->reached);
		put(one, "full_since_ms", (uint64_t)b->since_ms);
	}
	return list;
}

static json_t *json_confinement(const struct config *c, const struct health *h)
{
	json_t *one = json_object();
	json_object_set_new(one, "on", json_boolean(c->settings.confine));
	json_object_set_new(one, "in_force", json_boolean(h->confines));
	json_object_set_new(one, "seccomp", json_boolean(h->figure[FIGURE_SECCOMP]));
	put(one, "landlock_abi", h->figure[FIGURE_LANDLOCK]);
	put(one, "processes", h->figure[FIGURE_CONFINED]);
	put(one, "started", h->figure[FIGURE_CONFINED_STARTED]);
	put(one, "stopped", h->figure[FIGURE_CONFINED_STOPPED]);
	return one;
}

static json_t *json_catalog(const struct config *c, const struct health *h)
{
	json_t *one = json_object();
	json_object_set_new(one, "url", json_string(c->settings.catalog_url));
	put(one, "registered", h->figure[FIGURE_PARTITIONS_REGISTERED]);
	put(one, "waiting", h->catalog_waiting);
	put(one, "since_ms", (uint64_t)h->catalog_since_ms);
	json_object_set_new(one, "reason", json_string(h->catalog_reason));
	return one;
}

static json_t *json_files(const struct health_file *file, unsigned files)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < files; i++) {
		char text[PATH_SHOWN];
		json_t *one = named(list, "path", shown(file[i].path, text));
		json_object_set_new(one, "pipeline", json_string(file[i].pipeline));
		json_object_set_new(one, "reason", json_string(file[i].note));
		put(one, "age_ms", (uint64_t)file[i].age_ms);
	}
	return list;
}

json_t *health_json(const struct config *c, const struct health *h)
{
	json_t *root = json_object(), *figures = json_object(), *problems = json_array();
	json_object_set_new(root, "instance", json_string(c->settings.instance));
	json_object_set_new(root, "running", json_boolean(h->up));
	put(root, "newest_commit_ms", (uint64_t)h->newest_commit_ms);
	json_object_set_new(root, "processes", json_processes(h));
	json_object_set_new(root, "waiting", json_waits(h));
	json_object_set_new(root, "pipelines", json_pipelines(h));
	json_object_set_new(root, "partitions", json_partitions(h));
	json_object_set_new(root, "bus", json_usage(h->bus_used, h->bus_bound));
	json_object_set_new(root, "budgets", json_budgets(h));
	json_object_set_new(root, "catalog", json_catalog(c, h));
	json_object_set_new(root, "confinement", json_confinement(c, h));
	json_object_set_new(root, "ledger", json_usage(h->ledger_used, h->ledger_bound));
	json_object_set_new(root, "open", json_files(h->open, h->opens));
	json_object_set_new(root, "stale_claims", json_files(h->stale, h->stales));
	json_object_set_new(root, "aside", json_files(h->aside, h->asides));
	for (unsigned i = 0; i < FIGURE_COUNT; i++)
		put(figures, figure_info[i].name, h->figure[i]);
	json_object_set_new(root, "figures", figures);
	for (unsigned i = 0; i < h->problems; i++)
		json_array_append_new(problems, json_string(h->problem[i]));
	json_object_set_new(root, "problems", problems);
	return root;
}
