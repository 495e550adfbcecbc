/*
 * confinement: where a daemon's dissectors run, from its settings; its figures; and what is said about it.
 *
 * Nothing is started before there is something to dissect: a daemon that comes back takes new work at once. What is in
 * force is told by the first process that dissects.
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

struct confinement;

/* figures is borrowed until it is closed, and may be NULL. */
struct confinement *confinement_open(const struct settings *s, struct metric_slot *figures);
/* NULL: dissectors run in this process. */
struct confine *confinement_of(const struct confinement *c);
void confinement_close(struct confinement **c);

#endif
