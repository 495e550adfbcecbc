/*
 * rc, err: what a call came to, and the reason in words.
 *
 * The caller's question is "again, set aside, or stop?", so that is the return value. The reason goes into the caller's
 * fixed-size struct err: never allocated, never NULL, valid only after RC_AGAIN, RC_BAD or RC_FAIL.
 *
 * Thread  plain data, the caller's
 */
#ifndef BASE_RC_H
#define BASE_RC_H

#include <stdarg.h>

#define MUST_USE          __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

enum rc {
	RC_OK = 0, /* done */
	RC_END,    /* no more, the normal end */
	RC_AGAIN,  /* the same call may work later */
	RC_BAD,    /* this input never will: set it aside */
	RC_FAIL,   /* this service cannot go on */
};

enum { ERR_TEXT = 480 };

struct err {
	char text[ERR_TEXT]; /* one line, no newline at its end */
	int sys;             /* errno behind it, 0 if none */
};

/* Set the reason and return rc, so that a failing path is one line: return err_set(RC_BAD, e, "…"). */
enum rc err_set(enum rc rc, struct err *e, const char *format, ...) PRINTF_LIKE(3, 4);

/* The same, with ": <strerror(sys)>" appended. ENOSPC, EDQUOT, EMFILE, ENFILE, EINTR, EAGAIN, ENOMEM make RC_FAIL into
 * RC_AGAIN. */
enum rc err_sys(enum rc rc, int sys, struct err *e, const char *format, ...) PRINTF_LIKE(4, 5);

/* Put "<text>: " before the reason that is there, e.g. the path a lower floor did not know. Returns rc. */
enum rc err_wrap(enum rc rc, struct err *e, const char *format, ...) PRINTF_LIKE(3, 4);

/* "ok", "end", "again", "bad", "fail" */
const char *rc_name(enum rc rc);

#endif
