/*
 * catalog_report: what a catalog and a lake would say to each other: for check, which makes nothing.
 *
 * Thread  one owner
 */
#ifndef APP_CATALOG_REPORT_H
#define APP_CATALOG_REPORT_H

#include <stdbool.h>

#include "pipe/settings.h"

/* One line about the catalog, and one about each table. Nothing when the settings name no catalog. */
void catalog_report(
    const struct settings *s, void (*say)(void *context, bool ok, const char *what, const char *text), void *context);

#endif
