/* The one place where a confinement that is not whole is told: it is a matter of the kernel, not of an input. */
#include "app/confinement.h"

#include "base/log.h"
#include "pipe/figures.h"

static void count(void *context, enum confine_event what)
{
	struct metric_slot *figures = context;
	if (what == CONFINE_STOPPED)
		metric_add(figures, FIGURE_CONFINED_STOPPED, 1);
	else
		metric_add(figures, FIGURE_CONFINED, what == CONFINE_STARTED ? 1 : UINT64_MAX);
	if (what == CONFINE_STARTED)
		metric_add(figures, FIGURE_CONFINED_STARTED, 1);
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

enum rc confinement_open(const struct settings *s, struct metric_slot *figures, struct confine **out, struct err *e)
{
	struct confine_params p = confinement_params(s);
	struct jail jail = {0};
	char text[JAIL_TEXT];
	metric_set(figures, FIGURE_CONFINED, 0);
	metric_set(figures, FIGURE_SECCOMP, 0);
	metric_set(figures, FIGURE_LANDLOCK, 0);
	*out = NULL;
	if (!confinement_wanted(s))
		return RC_OK;
	p.told = count;
	p.context = figures;
	struct confine *c = confine_new(&p);
	enum rc rc = confine_try(c, &jail, e);
	if (rc != RC_OK) {
		confine_free(&c);
		return err_wrap(rc, e, "confine");
	}
	metric_set(figures, FIGURE_SECCOMP, jail.seccomp);
	metric_set(figures, FIGURE_LANDLOCK, (uint64_t)jail.landlock);
	if (jail_whole(&jail))
		log_info("dissectors are confined: %s", jail_text(&jail, text));
	else
		log_warn("dissectors are confined in part: %s", jail_text(&jail, text));
	*out = c;
	return RC_OK;
}
