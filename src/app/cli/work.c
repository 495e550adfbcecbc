/* sluice work: the second half as a process of its own: events in, tables out. */
#include "app/cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/confinement.h"
#include "app/daemon.h"
#include "app/setup.h"
#include "base/str.h"
#include "ext/hash.h"
#include "pipe/worker.h"

enum { MEMBER = 100, PLACES = 1000 };

/*
 * This process's name among the workers that share a bus: host, state folder, and the first place there that no other
 * worker has. A worker that comes back takes the place it had, so the bus knows it again.
 */
static enum rc take_place(const struct config *c, char member[MEMBER], int *fd, struct err *e)
{
	char host[41] = "", name[40], folder[9];
	uint8_t digest[SHA256_BYTES];
	(void)gethostname(host, sizeof host - 1);
	host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] = '\0';
	sha256_of(c->settings.state, strlen(c->settings.state), digest);
	str_hex(digest, 4, folder);
	for (unsigned place = 0; place < PLACES; place++) {
		snprintf(name, sizeof name, "worker.%u.lock", place);
		enum rc rc = setup_lock(c, name, fd, e);
		if (rc == RC_OK)
			snprintf(member, MEMBER, "%s-%s-%u", host[0] != '\0' ? host : "host", folder, place);
		if (rc != RC_END)
			return rc;
	}
	return err_set(RC_FAIL, e, "%d workers have %s already", PLACES, c->settings.state);
}

static enum status once_through(
    const struct args *a, struct config *c, struct metric_slot *figures, struct daemon *d, struct err *e)
{
	char member[MEMBER];
	int place = -1;
	if (take_place(c, member, &place, e) != RC_OK)
		return STATUS_BAD;
	struct confinement *confinement = confinement_open(&c->settings, figures);
	struct worker_job job = {
	    .settings = &c->settings,
	    .member = member,
	    .figures = figures,
	    .confine = confinement_of(confinement),
	    .once = args_has(a, "once"),
	    .complete = args_has(a, "once"),
	    .stop = daemon_stop,
	    .stop_now = daemon_stop_now,
	    .wake_fd = daemon_wake_fd(d),
	    .context = d,
	};
	enum rc rc = worker_run(&job, e);
	confinement_close(&confinement);
	close(place);
	return rc == RC_OK ? STATUS_DONE : STATUS_BAD;
}

static enum status run(const struct args *a)
{
	return daemon_run(a, "worker", NULL, once_through);
}

static const struct option option[] = {
    OPTION_CONFIG,
    {"once", 0, NULL, "work off what the bus holds now, commit it, and exit"},
    OPTION_CHILD,
    {0},
};

const struct command command_work = {
    .name = "work",
    .synopsis = "[-c FILE] [--once]",
    .summary = "Only the worker: events in, tables out",
    .details = "For hosts that do nothing else. Several may run: each partition has one worker at a time, the others "
               "stand by.",
    .option = option,
    .run = run,
};
