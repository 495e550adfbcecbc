/* The only file that knows systemd's library: it is optional, so everything else calls these. */
#include "app/notify.h"

#ifdef HAVE_SYSTEMD

#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "base/clock.h"

void notify(enum notify what)
{
	char text[80];
	switch (what) {
	case NOTIFY_READY:
		snprintf(text, sizeof text, "READY=1");
		break;
	case NOTIFY_RELOADING:
		/* Type=notify-reload tells an old READY from a new one by this time. */
		snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(clock_mono_ns() / 1000));
		break;
	case NOTIFY_STOPPING:
		snprintf(text, sizeof text, "STOPPING=1");
		break;
	case NOTIFY_ALIVE:
		snprintf(text, sizeof text, "WATCHDOG=1");
		break;
	}
	sd_notify(0, text);
}

int64_t notify_interval_ms(void)
{
	uint64_t us = 0;
	if (sd_watchdog_enabled(0, &us) <= 0 || us == 0)
		return -1;
	return (int64_t)(us / 2000) > 0 ? (int64_t)(us / 2000) : 1;
}

const char *notify_feature(void)
{
	return "\nbuilt with systemd: readiness, reload and watchdog of its units";
}

#else

void notify(enum notify what)
{
	(void)what;
}

int64_t notify_interval_ms(void)
{
	return -1;
}

const char *notify_feature(void)
{
	return "";
}

#endif
