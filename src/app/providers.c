/* The tables of providers. Adding one is a line here and a file on its floor. */
#include "app/providers.h"

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

enum rc provider_store(const char *url, const struct store_ops **out, const char **place, struct err *e)
{
	char known[200] = "";
	for (size_t i = 0; i < COUNT(store); i++) {
		list_add(known, sizeof known, store[i]->scheme);
		if (!scheme_is(url, store[i]->scheme))
			continue;
		*out = store[i];
		*place = url + strlen(store[i]->scheme) + 3;
		return RC_OK;
	}
	return err_set(RC_BAD, e, "no lake provider for \"%.200s\"; there are: %s", url, known);
}

enum rc provider_bus(const char *url, const struct bus_ops **out, const char **place, struct err *e)
{
	char known[200] = "";
	for (size_t i = 0; i < COUNT(bus); i++) {
		list_add(known, sizeof known, bus[i]->scheme);
		if (!scheme_is(url, bus[i]->scheme))
			continue;
		*out = bus[i];
		*place = url + strlen(bus[i]->scheme) + 3;
		return RC_OK;
	}
	return err_set(RC_BAD, e, "no bus provider for \"%.200s\"; there are: %s", url, known);
}

enum rc provider_catalog(const char *url, const struct catalog_ops **out, const char **place, struct err *e)
{
	char known[200] = "";
	for (size_t i = 0; i < COUNT(catalog); i++) {
		const char *scheme = catalog[i]->scheme;
		list_add(known, sizeof known, scheme);
		bool plain = catalog[i]->idle && strcmp(url, scheme) == 0;
		if (!plain && (catalog[i]->idle || !scheme_is(url, scheme)))
			continue;
		*out = catalog[i];
		*place = plain ? "" : url + strlen(scheme) + 3;
		return RC_OK;
	}
	return err_set(RC_BAD, e, "no catalog provider for \"%.200s\"; there are: %s", url, known);
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
