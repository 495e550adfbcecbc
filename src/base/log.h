/*
 * log: one line a happening, to standard error: "2026-01-14T09:00:00.000Z warn collector: text key=value …".
 *
 * Only floors pipe and above log, once, with the path, offset or topic. Standard error on a journal gets <N> priorities
 * instead of time stamps. The level and the name of the process are the one piece of file-scope state we allow.
 *
 * Thread  any; a line is one write
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_open(const char *process, enum log_level least);
bool log_level_parse(const char *name, enum log_level *out); /* debug info warn error */
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
