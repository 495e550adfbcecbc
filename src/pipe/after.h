/*
 * after: what the configuration wants done with a source file once its rows are committed.
 *
 * Thread  any
 */
#ifndef PIPE_AFTER_H
#define PIPE_AFTER_H

#include "base/rc.h"
#include "pipe/item.h"
#include "pipe/settings.h"

/*
 * Delete or move the file, if it is still the one that was read: dev, ino, size and time of change are those of `was`
 * (its ctime is not looked at: a link or a rename changes it). RC_OK: it is gone from there. RC_END: another file, or
 * none, has the name: left alone. Moved under a name that is taken, it gets .1, .2 …
 */
enum rc after_apply(const struct pipeline *p, const char *source, const struct looks *was, struct err *e) MUST_USE;

#endif
