/*
 * confinement: where a daemon's dissectors run, from its settings; its figures; and what is said about it.
 *
 * Thread  main
 */
#ifndef APP_CONFINEMENT_H
#define APP_CONFINEMENT_H

#include "base/metric.h"
#include "base/rc.h"
#include "confine/confine.h"
#include "pipe/settings.h"

/* What the settings say about processes that dissect. */
struct confine_params confinement_params(const struct settings *s);

/* Does any of its pipelines have a dissector that can be confined? */
bool confinement_wanted(const struct settings *s);

/*
 * Try it, tell the log and the figures what is in force. *out is NULL where nothing is to be confined. Anything but
 * RC_OK: no process can be had, or not confined; nobody dissects then. figures is borrowed until confine_free.
 */
enum rc confinement_open(
    const struct settings *s, struct metric_slot *figures, struct confine **out, struct err *e) MUST_USE;

#endif
