/* The tables of providers. Adding one is a line here and a file on its floor. */
#include "app/providers.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "app/nearest.h"
#include "dissect/csv/csv.h"
#include "dissect/log/log.h"
#include "dissect/nfcapd/nfcapd.h"
#include "dissect/pcap_dns/pcap_dns.h"
#include "exec/exec.h"

static const struct store_ops *const store[] = {
    &store_local,
    &store_webhdfs,
    &store_webhdfs_ssl,
};

static const struct bus_ops *const bus[] = {
    &bus_embed,
    &bus_kafka,
};

static const struct catalog_ops *const catalog[] = {
    &catalog_none,
    &catalog_hive,
};

static const struct dissect_ops *const dissector[] = {
    &dissect_nfcapd,
    &dissect_pcap_dns,
    &dissect_elff,
    &dissect_csv,
    &dissect_exec,
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { SCHEMES = 8 }; /* room for one more than any table has */
static_assert(COUNT(store) < SCHEMES && COUNT(bus) < SCHEMES && COUNT(catalog) < SCHEMES, "a table has grown");

static bool scheme_is(const char *url, const char *scheme)
{
	size_t len = strlen(scheme);
	return strncmp(url, scheme, len) == 0 && strncmp(url + len, "://", 3) == 0;
}

/* Adds "a, b" to a list of names. */
static void list_add(char *list, size_t size, const char *name)
{
	size_t len = strlen(list);
	snprintf(list + len, size - len, "%s%s", len > 0 ? ", " : "", name);
}

/* The right form of "kafka:/host" is "kafka://host", that of "file:/x" "file:///x", that of "kafka" "kafka://…". */
static void right_form(const char *url, const char *scheme, char *out, size_t size)
{
	const char *rest = url + strlen(scheme);
	bool folder = strcmp(scheme, "file") == 0 || strcmp(scheme, "embedded") == 0;
	rest += *rest == ':';
	rest += strspn(rest, "/");
	snprintf(
	    out, size, " (did you mean \"%s://%s%.150s\"?)", scheme, folder ? "/" : "", *rest != '\0' ? rest : "…");
}

/* No scheme of these: the one that was meant, and all of them. */
static enum rc no_provider(const char *kind, const char *url, const char *const scheme[SCHEMES], struct err *e)
{
	char known[200] = "", hint[240] = "", word[64];
	size_t len = strcspn(url, ":/");
	snprintf(word, sizeof word, "%.*s", (int)(len < 60 ? len : 60), url);
	struct nearest n = nearest_to(word);
	for (size_t i = 0; i < SCHEMES && scheme[i] != NULL; i++) {
		list_add(known, sizeof known, scheme[i]);
		if (url[len] != '/')
			nearest_offer(&n, scheme[i]);
	}
	if (n.best != NULL && strcmp(n.best, word) == 0)
		right_form(url, n.best, hint, sizeof hint);
	else
		nearest_hint(&n, hint);
	return err_set(RC_BAD, e, "no %s provider for \"%.150s\"%s; there are: %s", kind, url, hint, known);
}

enum rc provider_store(const char *url, const struct store_ops **out, const char **place, struct err *e)
{
	const char *scheme[SCHEMES] = {NULL};
	for (size_t i = 0; i < COUNT(store); i++) {
		scheme[i] = store[i]->scheme;
		if (!scheme_is(url, store[i]->scheme))
			continue;
		*out = store[i];
		*place = url + strlen(store[i]->scheme) + 3;
		return RC_OK;
	}
	return no_provider("lake", url, scheme, e);
}

enum rc provider_bus(const char *url, const struct bus_ops **out, const char **place, struct err *e)
{
	const char *scheme[SCHEMES] = {NULL};
	for (size_t i = 0; i < COUNT(bus); i++) {
		scheme[i] = bus[i]->scheme;
		if (!scheme_is(url, bus[i]->scheme))
			continue;
		*out = bus[i];
		*place = url + strlen(bus[i]->scheme) + 3;
		return RC_OK;
	}
	return no_provider("bus", url, scheme, e);
}

enum rc provider_catalog(const char *url, const struct catalog_ops **out, const char **place, struct err *e)
{
	const char *scheme[SCHEMES] = {NULL};
	for (size_t i = 0; i < COUNT(catalog); i++) {
		scheme[i] = catalog[i]->scheme;
		bool plain = catalog[i]->idle && strcmp(url, scheme[i]) == 0;
		if (!plain && (catalog[i]->idle || !scheme_is(url, scheme[i])))
			continue;
		*out = catalog[i];
		*place = plain ? "" : url + strlen(scheme[i]) + 3;
		return RC_OK;
	}
	return no_provider("catalog", url, scheme, e);
}

bool provider_names_scheme(const char *text)
{
	const char *end = text + strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
	if (end != text && *end == ':')
		return true;
	for (size_t i = 0; i < COUNT(store); i++)
		if (strcmp(text, store[i]->scheme) == 0)
			return true;
	for (size_t i = 0; i < COUNT(bus); i++)
		if (strcmp(text, bus[i]->scheme) == 0)
			return true;
	return false;
}

enum rc provider_dissector(const char *name, const struct dissect_ops **out, struct err *e)
{
	char known[300] = "", hint[NEAREST_HINT];
	struct nearest n = nearest_to(name);
	for (size_t i = 0; i < COUNT(dissector); i++) {
		if (strcmp(dissector[i]->name, name) == 0) {
			*out = dissector[i];
			return RC_OK;
		}
		nearest_offer(&n, dissector[i]->name);
		list_add(known, sizeof known, dissector[i]->name);
	}
	return err_set(RC_BAD, e, "unknown dissector \"%.100s\"%s; there are: %s", name, nearest_hint(&n, hint), known);
}

const struct dissect_ops *provider_dissector_at(size_t i)
{
	return i < COUNT(dissector) ? dissector[i] : NULL;
}
