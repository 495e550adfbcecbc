/* The one thing that is not plain here: engines write the lake's place in another way than we do. */
#include "app/catalog_settle.h"

#include <stdbool.h>
#include <string.h>

#include "app/providers.h"
#include "base/mem.h"
#include "pipe/datasets.h"

/* Hadoop has a scheme of its own for WebHDFS with TLS, and its URLs take one host. */
static char *lake_location(const struct settings *s)
{
	const char *scheme = s->store->scheme, *place = s->store_place, *path = strchr(place, '/');
	if (strcmp(scheme, "file") == 0 || path == NULL)
		return mem_format("%s://%s", scheme, place);
	if (strcmp(scheme, "webhdfs+ssl") == 0)
		scheme = "swebhdfs";
	return mem_format("%s://%.*s%s", scheme, (int)strcspn(place, ",/"), place, path);
}

static enum rc settle_location(struct settings *s, struct err *e)
{
	if (s->catalog_location == NULL)
		s->catalog_location = lake_location(s);
	if (strstr(s->catalog_location, ":/") == NULL)
		return err_set(RC_BAD, e, "wants a URL, as in hdfs://nameservice/lake");
	for (size_t len = strlen(s->catalog_location); len > 0 && s->catalog_location[len - 1] == '/'; len--)
		s->catalog_location[len - 1] = '\0';
	return RC_OK;
}

enum rc catalog_settle(struct config *c, const char **key, struct err *e)
{
	struct settings *s = &c->settings;
	struct catalog *catalog = NULL;
	const char *place = NULL;
	*key = "catalog";
	enum rc rc = provider_catalog(s->catalog_url, &s->catalog, &place, e);
	if (rc != RC_OK)
		return rc;
	s->catalog_place = mem_text(place);
	s->catalog_option = mem_zero(2, sizeof *s->catalog_option);
	s->catalog_option[s->catalog_options++] =
	    (struct catalog_option){"timeout_ms", mem_format("%lld", (long long)c->catalog_timeout_ms)};
	if (c->catalog_user != NULL)
		s->catalog_option[s->catalog_options++] = (struct catalog_option){"user", mem_text(c->catalog_user)};
	/* Checks place and options, and reaches nothing yet. */
	rc = datasets_catalog(s, NULL, &catalog, e);
	catalog_close(&catalog);
	if (rc != RC_OK)
		return rc;
	*key = "catalog.location";
	return settle_location(s, e);
}

void catalog_settle_free(struct config *c)
{
	struct settings *s = &c->settings;
	for (size_t i = 0; i < s->catalog_options; i++)
		mem_release((void *)s->catalog_option[i].value);
	mem_free(&s->catalog_option);
	mem_free(&s->catalog_url);
	mem_free(&s->catalog_place);
	mem_free(&s->catalog_location);
	mem_free(&c->catalog_user);
}
