/* Each place rests on the one before: the state folder lies in a lake of this machine, the embedded bus in the state
 * folder. */
#include "app/places_settle.h"

#include <stdio.h>
#include <string.h>

#include "app/folders.h"
#include "app/providers.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

/* A URL, right or wrong, as it is, or a path as a URL of the local provider. */
static void make_url(const char *folder, const char *scheme, char **url)
{
	if (strstr(*url, "://") != NULL || provider_names_scheme(*url))
		return;
	char *path = folders_from(folder, *url);
	folders_tidy(path);
	mem_free(url);
	*url = mem_format("%s://%s", scheme, path);
	mem_free(&path);
}

/* place is of url. */
static enum rc absolute_place(const char *url, const char *scheme, char *place, struct err *e)
{
	if (str_starts(url, scheme) && place[0] != '/')
		return err_set(RC_BAD, e, "a folder in a URL must be absolute: %s:///%s", scheme, place);
	folders_tidy(place);
	return RC_OK;
}

static enum rc choose_lake(struct settings *s, const char *folder, struct err *e)
{
	const char *place = NULL;
	make_url(folder, "file", &s->lake_url);
	enum rc rc = provider_store(s->lake_url, &s->store, &place, e);
	if (rc != RC_OK)
		return rc;
	s->store_place = mem_text(place);
	return absolute_place(s->lake_url, "file", s->store_place, e);
}

static enum rc choose_state(struct settings *s, const char *folder, struct err *e)
{
	if (s->state == NULL && strcmp(s->store->scheme, "file") != 0)
		return err_set(RC_BAD, e, "\"state\" must be given when the lake is not on this machine");
	char *state = s->state == NULL ? file_join(s->store_place, "_sluice/state") : folders_from(folder, s->state);
	mem_free(&s->state);
	s->state = state;
	folders_tidy(s->state);
	return RC_OK;
}

static enum rc choose_bus(struct settings *s, const char *folder, struct err *e)
{
	const char *place = NULL;
	if (s->bus_url == NULL)
		s->bus_url = mem_format("embedded://%s/bus", s->state);
	make_url(folder, "embedded", &s->bus_url);
	enum rc rc = provider_bus(s->bus_url, &s->bus, &place, e);
	if (rc != RC_OK)
		return rc;
	s->bus_place = mem_text(place);
	return absolute_place(s->bus_url, "embedded", s->bus_place, e);
}

static void add_option(struct settings *s, const char *key, char *value)
{
	if (value == NULL)
		return;
	s->store_option = mem_resize(s->store_option, (s->store_options + 1) * sizeof *s->store_option);
	s->store_option[s->store_options++] = (struct store_option){key, value};
}

/* What the lake's provider is told beside its place. */
static enum rc set_lake_options(struct config *c, const char *folder, struct err *e)
{
	struct settings *s = &c->settings;
	const struct config_webhdfs *w = &c->webhdfs;
	if (w->block_size % 512 != 0)
		return err_set(RC_BAD, e, "%llu is no multiple of 512; the nearest below is %llu",
		    (unsigned long long)w->block_size, (unsigned long long)(w->block_size - w->block_size % 512));
	if (!str_starts(s->store->scheme, "webhdfs"))
		return RC_OK;
	add_option(s, "user", mem_text(w->user));
	add_option(s, "auth", mem_text(w->auth == 1 ? "spnego" : "simple"));
	add_option(s, "token_file", w->token_file != NULL ? folders_from(folder, w->token_file) : NULL);
	add_option(s, "ca_file", w->ca_file != NULL ? folders_from(folder, w->ca_file) : NULL);
	add_option(s, "replication", mem_format("%u", w->replication));
	add_option(s, "block_size", mem_format("%llu", (unsigned long long)w->block_size));
	add_option(s, "timeout_ms", mem_format("%lld", (long long)w->timeout_ms));
	add_option(s, "connections", mem_format("%u", w->connections));
	return RC_OK;
}

/* What the bus's provider is told beside its place. */
static void set_bus_options(struct config *c)
{
	struct settings *s = &c->settings;
	struct kafka_map m = {.count = 0};
	char text[100];
	if (strcmp(s->bus->scheme, "embedded") == 0) {
		snprintf(text, sizeof text, "%llu", (unsigned long long)c->bus_max_bytes);
		kafka_map_add(&m, "max_bytes", text);
	} else {
		/* What the file gives comes later, and wins. */
		snprintf(text, sizeof text, "sluice.%s", s->instance);
		kafka_map_add(&m, "client.id", text);
		kafka_map_add(&m, "group.id", text);
		for (size_t i = 0; i < c->kafka.count; i++)
			kafka_map_add(&m, c->kafka.option[i].key, c->kafka.option[i].value);
	}
	s->bus_option = m.option;
	s->bus_options = m.count;
}

enum rc places_settle(struct config *c, const char *folder, const char **key, struct err *e)
{
	struct settings *s = &c->settings;
	enum rc rc;
	*key = "lake";
	if ((rc = choose_lake(s, folder, e)) != RC_OK)
		return rc;
	if ((rc = choose_state(s, folder, e)) != RC_OK)
		return rc;
	*key = "bus";
	if ((rc = choose_bus(s, folder, e)) != RC_OK)
		return rc;
	*key = "webhdfs.block_size";
	if ((rc = set_lake_options(c, folder, e)) != RC_OK)
		return rc;
	set_bus_options(c);
	return RC_OK;
}
