/*
 * daemon: the frame of collect and work: signals as the questions "stop?" and "stop at once?", and a reread
 * configuration as a new round.
 *
 * Thread  the questions may be asked from any thread
 */
#ifndef APP_DAEMON_H
#define APP_DAEMON_H

#include <stdbool.h>

#include "app/args.h"
#include "app/config.h"
#include "base/metric.h"
#include "base/rc.h"

struct daemon;

/* For the stop call-backs of collector and worker jobs; context is the daemon. */
bool daemon_stop(void *context);
bool daemon_stop_now(void *context);
int daemon_wake_fd(const struct daemon *d);

/* Was it stopped by a signal, so that an unfinished --once is no success? */
bool daemon_stopped(const struct daemon *d);

/* One round over one configuration. STATUS_BAD with the reason in *e, or "" when it has been told. */
typedef enum status daemon_round(
    const struct args *a, struct config *c, struct metric_slot *figures, struct daemon *d, struct err *e);

/*
 * Load the configuration, take the lock if there is one (waits for its holder: a standby), claim figures under that
 * name, and do rounds until one ends by itself or by SIGTERM. SIGHUP begins a new round when the file is good; a child
 * leaves that to its supervisor.
 */
enum status daemon_run(const struct args *a, const char *name, const char *lock, daemon_round *round);

#endif
