/*
 * catalog_settle: what the catalog's keys come to: its provider, its options, and the lake as SQL engines see it.
 *
 * Errors  RC_BAD: the reason; *key is the key at fault
 * Thread  while a configuration is read
 */
#ifndef APP_CATALOG_SETTLE_H
#define APP_CATALOG_SETTLE_H

#include "app/config.h"
#include "base/rc.h"

/* After the lake's place is settled. */
enum rc catalog_settle(struct config *c, const char **key, struct err *e) MUST_USE;
void catalog_settle_free(struct config *c);

#endif
