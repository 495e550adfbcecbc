/*
 * setup: what every command that works on a configuration does first: read it, set the log, take its place in the
 * figures, lock.
 */
#ifndef APP_SETUP_H
#define APP_SETUP_H

#include <stdbool.h>

#include "app/args.h"
#include "app/config.h"
#include "base/metric.h"
#include "base/rc.h"

/* clang-format off */
/* The rows that such commands share in their option tables. */
#define OPTION_CONFIG {"config", 'c', "FILE", "the configuration; " CONFIG_DEFAULT " by default"}
/* Not shown in help: between the supervisor and its children. */
#define OPTION_CHILD \
	{"config-fd", 0, "FD", NULL}, {"figures", 0, "NAME", NULL}, \
	{"restarted", 0, NULL, NULL}, {"began", 0, "MS", NULL}, {"calm", 0, NULL, NULL}
/* clang-format on */

/* The -c file's name. */
const char *setup_file(const struct args *a);

/* The number of a descriptor that this process was started with. */
enum rc setup_fd(const struct args *a, const char *option, int *fd, struct err *e) MUST_USE;

/*
 * Read -c FILE, or the text behind --config-fd (--checked of run), which is the one that the supervisor has checked: an
 * edit that went wrong never reaches a child, nor a supervisor that was replaced.
 */
enum rc setup_config(const struct args *a, struct config **out, struct err *e) MUST_USE;

/* --dataset: a dataset of the configuration, or NULL. RC_BAD names the nearest one. */
enum rc setup_dataset(const struct args *a, const struct settings *s, const char **out, struct err *e) MUST_USE;

/* State folder made, figures mapped, the slot of that name ours. metrics may be closed at the end of the process only.
 */
enum rc setup_figures(const struct config *c, const char *name, struct metrics **metrics, struct metric_slot **slot,
    struct err *e) MUST_USE;

/* Is there a lake? RC_FAIL: its folder on this machine is not there, so nothing ever ran, or the path is mistyped. */
enum rc setup_lake_there(const struct config *c, struct err *e) MUST_USE;

/* Lock <state>/<name>: *fd holds it until closed. RC_END: another process has it. */
enum rc setup_lock(const struct config *c, const char *name, int *fd, struct err *e) MUST_USE;
/* Does a process hold that lock? It holds it as long as it lives, however it dies. */
bool setup_locked(const struct config *c, const char *name);

/*
 * The whole of a process's start: signals, a process group of its own for a child, log. calm: from warn on unless the
 * file says otherwise, for commands that people wait for.
 */
void setup_process(const struct args *a, const struct config *c, const char *name, bool calm);

#endif
