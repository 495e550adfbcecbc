/*
 * providers: the one place that knows which stores, buses, catalogs and dissectors there are. Everybody else sees ops
 * structs.
 */
#ifndef APP_PROVIDERS_H
#define APP_PROVIDERS_H

#include <stdbool.h>

#include "base/rc.h"
#include "bus/bus.h"
#include "catalog/catalog.h"
#include "dissect/dissect.h"
#include "store/store.h"

/* The provider that a URL's scheme names; *place is what follows "scheme://". RC_BAD lists those there are, and
 * says what was meant. */
enum rc provider_store(const char *url, const struct store_ops **out, const char **place, struct err *e) MUST_USE;
enum rc provider_bus(const char *url, const struct bus_ops **out, const char **place, struct err *e) MUST_USE;
/* The same; one that needs no place is its name alone: "none". */
enum rc provider_catalog(const char *url, const struct catalog_ops **out, const char **place, struct err *e) MUST_USE;

/* A text that must be a URL, right or wrong: "word:…", which no path is (a folder with a colon begins with "./" or
 * "/"), or a scheme alone. */
bool provider_names_scheme(const char *text);

/* RC_BAD names the nearest, or lists them all. */
enum rc provider_dissector(const char *name, const struct dissect_ops **out, struct err *e) MUST_USE;

/* One after the other: NULL past the last. */
const struct dissect_ops *provider_dissector_at(size_t i);

#endif
