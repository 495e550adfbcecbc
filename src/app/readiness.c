/* A catalog that is away is no condition: rows are committed all the same, and it is told later. */
#include "app/readiness.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static void add(struct readiness *r, const char *name, bool holds, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void add(struct readiness *r, const char *name, bool holds, const char *format, ...)
{
	struct condition *c = &r->condition[r->conditions++];
	va_list list;
	c->name = name;
	c->holds = holds;
	va_start(list, format);
	vsnprintf(c->text, sizeof c->text, format, list);
	va_end(list);
	r->ready = r->ready && holds;
}

/* What a process of that name waits for, or NULL. */
static const struct health_wait *wait_of(const struct health *h, const char *name)
{
	for (size_t i = 0; i < h->waits; i++)
		if (str_starts(h->wait[i].process, name))
			return &h->wait[i];
	return NULL;
}

/* Lives, and takes new work? */
struct role {
	unsigned alive, accepting, stopped;
};

static struct role role_of(const struct health *h, const char *name)
{
	struct role found = {.alive = 0};
	for (unsigned i = 0; i < h->processes; i++) {
		const struct health_process *p = &h->process[i];
		if (!p->alive || !str_starts(p->name, name))
			continue;
		found.alive++;
		found.accepting += p->accepting && !p->stopped;
		found.stopped += p->stopped;
	}
	return found;
}

/* wanted: it must be there. */
static void add_role(struct readiness *r, const struct health *h, const char *name, bool wanted)
{
	const struct health_wait *wait = wait_of(h, name);
	struct role role = role_of(h, name);
	if (role.alive == 0) {
		if (wanted)
			add(r, name, false, "is not running");
	} else if (role.stopped > 0) {
		add(r, name, false, "stopped by a signal");
	} else if (wait != NULL) {
		add(r, name, false, "waits, %.200s: %.300s", wait->what, wait->why);
	} else {
		add(r, name, role.accepting > 0, role.accepting > 0 ? "works" : "does not take new work yet");
	}
}

static void add_service(struct readiness *r, const char *name, const struct health_service *s, int64_t silent_ms)
{
	if (silent_ms >= OBSERVE_LATE_MS)
		add(r, name, false, "no answer for %lld s", (long long)(silent_ms / 1000));
	else if (s->reason[0] != '\0')
		add(r, name, false, "%s", s->reason);
	else
		add(r, name, true, "%s", s->asked ? "answers" : "nothing is there yet");
}

void readiness_of(const struct observed *seen, struct readiness *out)
{
	const struct health *h = seen->health;
	int64_t silent_ms = seen->silent_ms > 0 ? seen->now_ms - seen->silent_ms : 0;
	unsigned alive = role_of(h, "collector").alive + role_of(h, "worker").alive;
	*out = (struct readiness){.ready = true};
	if (h->stopping)
		add(out, "running", false, "stopping");
	else
		add(out, "running", h->up || alive > 0, "%s",
		    h->up       ? "sluice run"
		    : alive > 0 ? "processes of their own"
		                : "neither a collector nor a worker is there");
	add_role(out, h, "collector", h->up);
	add_role(out, h, "worker", h->up);
	add_service(out, "bus", &h->bus, silent_ms);
	add_service(out, "lake", &h->lake, silent_ms);
}
