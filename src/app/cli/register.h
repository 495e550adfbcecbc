/*
 * register: what sluice register does, for run --once, which ends with it.
 *
 * Thread  one owner
 */
#ifndef APP_CLI_REGISTER_H
#define APP_CLI_REGISTER_H

#include <stdbool.h>

#include "pipe/settings.h"

/* Tell the catalog of every table and partition. false: something was not told, and it was said on standard error. */
bool register_all(const struct settings *s, bool quiet);

#endif
