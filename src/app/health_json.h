/*
 * health_json: health as one JSON object; doc/cli.md lists its members.
 *
 * Thread  plain function
 */
#ifndef APP_HEALTH_JSON_H
#define APP_HEALTH_JSON_H

#include "app/config.h"
#include "app/health.h"
#include "ext/json.h"

/* The caller's to json_decref. */
json_t *health_json(const struct config *c, const struct health *h);

#endif
