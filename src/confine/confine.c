/* What all cells of a process share: the fork server, the bounds, the counts. */
#include "confine/confine.h"

#include <assert.h>

#include "base/mem.h"
#include "confine/cell.h"

struct confine *confine_new(const struct confine_params *p)
{
	struct confine *c = mem_zero(1, sizeof *c);
	c->params = *p;
	c->keeper = keeper_new(CONFINE_WORD);
	return c;
}

void confine_free(struct confine **c)
{
	if (*c == NULL)
		return;
	assert(atomic_load(&(*c)->running) == 0);
	keeper_free(&(*c)->keeper);
	mem_free(c);
}

struct confine_counts confine_counts(struct confine *c)
{
	return (struct confine_counts){.running = atomic_load(&c->running),
	    .started = atomic_load(&c->started),
	    .stopped = atomic_load(&c->stopped)};
}

enum rc confine_try(struct confine *c, struct jail *out, struct err *e)
{
	struct cell *cell = cell_new(c);
	enum rc rc = cell_start(cell, out, e);
	cell_free(&cell);
	return rc;
}
