/*
 * notify: tells a service manager what the supervisor is doing, when there is one (sd_notify). Without libsystemd
 * nothing happens.
 */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include <stdint.h>

enum notify { NOTIFY_READY, NOTIFY_RELOADING, NOTIFY_STOPPING, NOTIFY_ALIVE };

void notify(enum notify what);

/* How often NOTIFY_ALIVE is due, in ms; -1: nobody watches. */
int64_t notify_interval_ms(void);

/* What the version says of it, a line after its own, or "". */
const char *notify_feature(void);

#endif
