/* sluice ops: the endpoint for operators and their machines, as a process of its own: what parses foreign requests
 * holds neither data nor locks of the pipeline. */
#include "app/cli/cli.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "app/daemon.h"
#include "app/exposition.h"
#include "app/observe.h"
#include "app/ops_api.h"
#include "app/replayer.h"
#include "app/setup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "ops/guard.h"
#include "ops/server.h"

/* A look a second, until it is told to stop. A replay that runs is heard whenever it says something. */
static void watch(struct observe *observe, struct replayer *replayer, struct server *server, struct daemon *d)
{
	int64_t due = clock_mono().ms + OBSERVE_LOOK_MS;
	while (!daemon_stop(d)) {
		int64_t now = clock_mono().ms;
		replayer_turn(replayer);
		if (now < due) {
			struct pollfd wake[] = {{.fd = daemon_wake_fd(d), .events = POLLIN},
			    {.fd = replayer_fd(replayer), .events = POLLIN}};
			poll(wake, 2, (int)(due - now));
			continue;
		}
		due = now + OBSERVE_LOOK_MS;
		observe_look(observe);
		server_sweep(server);
	}
}

/* A supervisor's child whose file names no address any more, until the supervisor starts anew. */
static void idle(struct daemon *d)
{
	log_warn("ops.listen is not given: nothing is served");
	while (!daemon_stop(d)) {
		struct pollfd wake = {.fd = daemon_wake_fd(d), .events = POLLIN};
		poll(&wake, 1, -1);
	}
}

static enum rc serve(
    const struct args *a, const struct config *c, struct metric_slot *figures, struct daemon *d, struct err *e)
{
	int config_fd = -1;
	char where[ADDRESS_TEXT], *token = NULL;
	struct server *server = NULL;
	struct server_options options = {.names = c->ops.names};
	enum rc rc = address_parse(c->ops.listen, &options.address, e);
	if (rc == RC_OK && c->ops.token_file != NULL)
		rc = guard_token_load(c->ops.token_file, &token, e);
	if (rc == RC_OK && args_has(a, "config-fd"))
		rc = setup_fd(a, "config-fd", &config_fd, e);
	if (rc != RC_OK) {
		mem_free(&token);
		return rc;
	}
	struct ops_api *api = mem_zero(1, sizeof *api);
	struct observe *observe = observe_new(c);
	struct ops_files *files = ops_files_new(c);
	struct replayer *replayer = replayer_new(setup_file(a), config_fd);
	ops_api_init(api, observe, files, replayer, token != NULL);
	options.token = token;
	options.route = api->route;
	rc = server_open(&options, &server, e);
	if (rc == RC_OK) {
		log_info("listening at http://%s/", server_where(server, where));
		if (!address_is_loopback(&options.address))
			log_info("others than this machine can read it: ops.listen is no loopback address");
		metric_accepting(figures, true);
		watch(observe, replayer, server, d);
	}
	server_close(&server);
	replayer_free(&replayer);
	ops_files_free(&files);
	observe_free(&observe);
	mem_free(&api);
	mem_free(&token);
	return rc;
}

static enum status once_through(
    const struct args *a, struct config *c, struct metric_slot *figures, struct daemon *d, struct err *e)
{
	if (c->ops.listen != NULL)
		return serve(a, c, figures, d, e) == RC_OK ? STATUS_DONE : STATUS_BAD;
	if (args_has(a, "config-fd")) {
		idle(d);
		return STATUS_DONE;
	}
	err_set(RC_BAD, e, "%s: ops.listen must be given: ops: { listen: 9470 }", c->settings.file);
	return STATUS_BAD;
}

static enum status print_metrics(void)
{
	struct writer w;
	writer_init(&w, 1 << 20);
	exposition_markdown(&w);
	fwrite(w.bytes, 1, w.len, stdout);
	writer_fini(&w);
	return STATUS_DONE;
}

static enum status run(const struct args *a)
{
	if (args_has(a, "metrics"))
		return print_metrics();
	return daemon_run(a, "ops", "ops.lock", once_through);
}

static const struct option option[] = {
    OPTION_CONFIG,
    {"metrics", 0, NULL, "print the table of metrics, and no more"},
    OPTION_CHILD,
    {0},
};

const struct command command_ops = {
    .name = "ops",
    .synopsis = "[-c FILE] [--metrics]",
    .summary = "Only the ops endpoint: health, readiness, metrics, and a page that shows the way of the data",
    .details =
        "Listens at ops.listen. `sluice run` starts one by itself when that is given; beside collect and work as "
        "daemons of their own it is started by itself, on the same state folder.",
    .option = option,
    .run = run,
};
