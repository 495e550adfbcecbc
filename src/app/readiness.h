/*
 * readiness: whether files become rows now, as conditions that a load balancer's probe and a person can both read.
 *
 * Thread  plain function
 */
#ifndef APP_READINESS_H
#define APP_READINESS_H

#include <stdbool.h>

#include "app/observe.h"

enum { READINESS_CONDITIONS = 6 };

struct condition {
	const char *name;
	bool holds;
	char text[ERR_TEXT]; /* why not; or what there is to say */
};

struct readiness {
	bool ready; /* all conditions hold */
	struct condition condition[READINESS_CONDITIONS];
	unsigned conditions;
};

void readiness_of(const struct observed *seen, struct readiness *out);

#endif
