/* Keys, commands, options and providers all answer a typing error the same way, so the rule for "close" stands once. */
#include "app/nearest.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

void nearest_offer(struct nearest *n, const char *name)
{
	size_t len = strlen(n->word);
	/* A third of the letters and one more may be wrong: "disect" finds dissector, "x" finds nothing long. */
	size_t most = len / 3 + 1;
	size_t distance = str_distance(n->word, name);
	if (len >= 3 && str_starts(name, n->word))
		distance = 1;
	if (distance > most || (n->best != NULL && distance >= n->distance))
		return;
	n->best = name;
	n->distance = distance;
}

const char *nearest_hint(const struct nearest *n, char out[NEAREST_HINT])
{
	out[0] = '\0';
	if (n->best != NULL)
		snprintf(out, NEAREST_HINT, " (did you mean \"%.70s\"?)", n->best);
	return out;
}
