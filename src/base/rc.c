/*
 * rc: puts reasons into the caller's struct err. A floor that knows more wraps what a lower one said.
 */
#include "base/rc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* One line, whatever the arguments held: the reason goes to logs and to terminals. */
static void one_line(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
}

enum rc err_set(enum rc rc, struct err *e, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	one_line(e->text);
	e->sys = 0;
	return rc;
}

/* What passes by itself or by an operator's hand, without a change of input or configuration. */
static bool passes(int sys)
{
	switch (sys) {
	case ENOSPC:
	case EDQUOT:
	case EMFILE:
	case ENFILE:
	case EINTR:
	case EAGAIN:
	case ENOMEM:
		return true;
	default:
		return false;
	}
}

enum rc err_sys(enum rc rc, int sys, struct err *e, const char *format, ...)
{
	char text[ERR_TEXT], buffer[128];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	/* The reason is worth more than the end of a long path. */
	const char *reason = strerror_r(sys, buffer, sizeof buffer);
	size_t room = sizeof e->text - 3 - strnlen(reason, sizeof buffer);
	snprintf(e->text, sizeof e->text, "%.*s: %s", (int)room, text, reason);
	one_line(e->text);
	e->sys = sys;
	return rc == RC_FAIL && passes(sys) ? RC_AGAIN : rc;
}

enum rc err_wrap(enum rc rc, struct err *e, const char *format, ...)
{
	char before[ERR_TEXT], reason[ERR_TEXT];
	va_list args;
	va_start(args, format);
	vsnprintf(before, sizeof before, format, args);
	va_end(args);
	memcpy(reason, e->text, sizeof reason);
	reason[sizeof reason - 1] = '\0';
	/* At least half of the line stays for the reason. */
	size_t len = strlen(reason), least = sizeof e->text / 2;
	size_t room = sizeof e->text - 3 - (len < least ? len : least);
	int used = snprintf(e->text, sizeof e->text, "%.*s: ", (int)room, before);
	snprintf(e->text + used, sizeof e->text - used, "%s", reason);
	one_line(e->text);
	return rc;
}

const char *rc_name(enum rc rc)
{
	static const char *const names[] = {
	    [RC_OK] = "ok", [RC_END] = "end", [RC_AGAIN] = "again", [RC_BAD] = "bad", [RC_FAIL] = "fail"};
	return (unsigned)rc < sizeof names / sizeof names[0] ? names[rc] : "unknown";
}
