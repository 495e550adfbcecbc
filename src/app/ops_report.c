/* The endpoint is a process of its own, which everything else goes on without: so that it can't serve would be seen
 * when somebody needs it. */
#include "app/ops_report.h"

#include <errno.h>
#include <stdio.h>

#include "app/setup.h"
#include "base/mem.h"
#include "ops/guard.h"
#include "ops/server.h"

enum { TEXT = 1000 };

static void wrong(const struct config *c, const char *key, const struct err *e, char text[TEXT])
{
	snprintf(text, TEXT, "%s:%u: %s: %s", c->settings.file, config_line(c, NULL, key), key, e->text);
}

void ops_report(
    const struct config *c, void (*say)(void *context, bool ok, const char *what, const char *text), void *context)
{
	const struct config_ops *o = &c->ops;
	struct err e;
	struct address address;
	char text[TEXT], where[ADDRESS_TEXT], *token = NULL;
	if (o->listen == NULL)
		return;
	enum rc rc = address_parse(o->listen, &address, &e);
	if (rc == RC_OK)
		rc = server_try(&address, &e);
	bool ours = rc != RC_OK && e.sys == EADDRINUSE && setup_locked(c, "ops.lock");
	if (rc != RC_OK && !ours) {
		wrong(c, "ops.listen", &e, text);
		say(context, false, "ops", text);
		return;
	}
	if (o->token_file != NULL && guard_token_load(o->token_file, &token, &e) != RC_OK) {
		wrong(c, "ops.token_file", &e, text);
		say(context, false, "ops", text);
		return;
	}
	snprintf(text, sizeof text, "http://%s/: %s; %s", address_text(&address, where),
	    ours ? "the endpoint of this state folder listens there" : "free",
	    token != NULL ? "the token is read" : "no token, so nothing can be changed there");
	mem_free(&token);
	say(context, true, "ops", text);
}
