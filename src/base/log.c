/*
 * log: one write a line, so that the lines of several processes on one descriptor never mix.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

enum { LINE_MAX_BYTES = 4000 };

static struct {
	char process[32];
	enum log_level least;
	bool journal;
} sink = {.process = "sluice", .least = LOG_INFO};

static const struct {
	const char *name;
	int priority; /* of syslog, as sd-daemon(3) wants it */
} levels[] = {
    [LOG_DEBUG] = {"debug", 7},
    [LOG_INFO] = {"info", 6},
    [LOG_WARN] = {"warn", 4},
    [LOG_ERROR] = {"error", 3},
};

/* systemd names the journal's stream as device:inode; a redirected standard error is another one. */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char mine[64];
	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	snprintf(mine, sizeof mine, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, mine) == 0;
}

void log_open(const char *process, enum log_level least)
{
	str_copy(sink.process, sizeof sink.process, process);
	sink.least = least;
	sink.journal = is_journal();
}

bool log_level_parse(const char *name, enum log_level *out)
{
	for (unsigned i = 0; i < sizeof levels / sizeof levels[0]; i++) {
		if (strcmp(name, levels[i].name) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

static void put_line(enum log_level level, const char *format, va_list args)
{
	char line[LINE_MAX_BYTES], when[25];
	int used;
	if (level < sink.least)
		return;
	if (sink.journal) {
		used = snprintf(line, sizeof line, "<%d>%s: ", levels[level].priority, sink.process);
	} else {
		civil_iso(clock_wall(), when);
		used = snprintf(line, sizeof line, "%s %s %s: ", when, levels[level].name, sink.process);
	}
	int start = used, wrote = vsnprintf(line + used, sizeof line - 1 - (size_t)used, format, args);
	if (wrote > 0)
		used += wrote;
	if (used > (int)sizeof line - 2)
		used = (int)sizeof line - 2;
	for (int i = start; i < used; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' ';
	line[used++] = '\n';
	/* There is nobody left to tell that the log cannot be written. */
	if (write(STDERR_FILENO, line, (size_t)used) < 0)
		return;
}

#define LOG_FUNCTION(name, level)                                                                                      \
	void name(const char *format, ...)                                                                             \
	{                                                                                                              \
		va_list args;                                                                                          \
		va_start(args, format);                                                                                \
		put_line(level, format, args);                                                                         \
		va_end(args);                                                                                          \
	}
LOG_FUNCTION(log_debug, LOG_DEBUG)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_error, LOG_ERROR)
