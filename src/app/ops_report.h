/*
 * ops_report: whether the endpoint for operators could serve as it is configured: for check, which serves nothing.
 *
 * Thread  one owner
 */
#ifndef APP_OPS_REPORT_H
#define APP_OPS_REPORT_H

#include <stdbool.h>

#include "app/config.h"

/* One line: is the address to be had, and is the token one. Nothing without ops.listen. */
void ops_report(
    const struct config *c, void (*say)(void *context, bool ok, const char *what, const char *text), void *context);

#endif
