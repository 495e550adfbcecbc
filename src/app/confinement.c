/* The one place where a confinement that is not whole is told: it is a matter of the kernel, not of an input. */
#include "app/confinement.h"

#include <stdatomic.h>

#include "base/log.h"
#include "base/mem.h"
#include "pipe/figures.h"

struct confinement {
	struct confine *confine; /* NULL: nothing is confined */
	struct metric_slot *figures;
	atomic_bool told;
};

static void say(struct confinement *c, const struct jail *jail)
{
	char text[JAIL_TEXT];
	if (atomic_exchange(&c->told, true))
		return;
	if (jail_whole(jail))
		log_info("dissectors are confined: %s", jail_text(jail, text));
	else
		log_warn("dissectors are confined in part: %s", jail_text(jail, text));
}

static void count(void *context, enum confine_event what, const struct jail *jail)
{
	struct confinement *c = context;
	if (what == CONFINE_STOPPED) {
		metric_add(c->figures, FIGURE_CONFINED_STOPPED, 1);
		return;
	}
	metric_add(c->figures, FIGURE_CONFINED, what == CONFINE_STARTED ? 1 : UINT64_MAX);
	if (what != CONFINE_STARTED)
		return;
	/* Before the count: who sees one that was started sees what is in force. */
	metric_set(c->figures, FIGURE_SECCOMP, jail->seccomp);
	metric_set(c->figures, FIGURE_LANDLOCK, (uint64_t)jail->landlock);
	metric_add(c->figures, FIGURE_CONFINED_STARTED, 1);
	say(c, jail);
}

struct confine_params confinement_params(const struct settings *s)
{
	return (struct confine_params){
	    .memory = s->confine_memory, .time_ms = s->confine_time_ms, .files = s->confine_files};
}

bool confinement_wanted(const struct settings *s)
{
	bool any = false;
	for (size_t i = 0; i < s->pipelines; i++)
		any |= !s->pipeline[i].dissector->spawns;
	return s->confine && any;
}

struct confinement *confinement_open(const struct settings *s, struct metric_slot *figures)
{
	struct confinement *c = mem_zero(1, sizeof *c);
	struct confine_params p = confinement_params(s);
	c->figures = figures;
	p.told = count;
	p.context = c;
	metric_set(figures, FIGURE_CONFINED, 0);
	metric_set(figures, FIGURE_SECCOMP, 0);
	metric_set(figures, FIGURE_LANDLOCK, 0);
	if (confinement_wanted(s))
		c->confine = confine_new(&p);
	return c;
}

struct confine *confinement_of(const struct confinement *c)
{
	return c->confine;
}

void confinement_close(struct confinement **c)
{
	if (*c == NULL)
		return;
	confine_free(&(*c)->confine);
	mem_free(c);
}
