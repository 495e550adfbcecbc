/*
 * places_settle: what lake, state and bus come to: their providers, their places, and what these are told.
 *
 * Errors  RC_BAD: the reason; *key is the key at fault
 * Thread  while a configuration is read
 */
#ifndef APP_PLACES_SETTLE_H
#define APP_PLACES_SETTLE_H

#include "app/config.h"
#include "base/rc.h"

/* After the instance is known. folder: where relative paths begin. */
enum rc places_settle(struct config *c, const char *folder, const char **key, struct err *e) MUST_USE;

#endif
