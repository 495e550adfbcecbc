/*
 * ops_api: the routes of the ops endpoint over what was observed. doc/ops.md describes what they answer.
 *
 * Thread  the routes run on the server's thread; the rest belongs to the owner's
 */
#ifndef APP_OPS_API_H
#define APP_OPS_API_H

#include "app/observe.h"
#include "app/ops_files.h"
#include "app/replayer.h"
#include "ops/server.h"

enum { OPS_ROUTES = 12 };

struct ops_api {
	struct observe *observe;
	struct ops_files *files;
	struct replayer *replayer;
	bool writes; /* a token is given */
	struct server_route route[OPS_ROUTES];
};

/* All are borrowed as long as the server runs. */
void ops_api_init(
    struct ops_api *api, struct observe *observe, struct ops_files *files, struct replayer *replayer, bool writes);

#endif
