/* The manners of the program on a terminal: one place decides about colours and widths. */
#include "app/term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool takes_colour(int fd)
{
	const char *none = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	if (none != NULL && none[0] != '\0')
		return false;
	return isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

struct term term_of(int fd)
{
	if (!takes_colour(fd))
		return (struct term){"", "", "", "", "", ""};
	return (struct term){"\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[0m"};
}

unsigned term_width(int fd)
{
	struct winsize size;
	if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

/* Columns of n bytes of UTF-8: the bytes that begin a character. */
static unsigned columns(const char *text, size_t n)
{
	unsigned out = 0;
	for (size_t i = 0; i < n; i++)
		out += ((unsigned char)text[i] & 0xc0) != 0x80;
	return out;
}

void term_wrap(const char *text, unsigned indent, unsigned width)
{
	unsigned at = indent;
	bool first = true;
	for (const char *p = text; *p != '\0';) {
		if (*p == '\n') {
			printf("\n%*s", (int)indent, "");
			at = indent;
			first = true;
			p++;
			continue;
		}
		size_t len = strcspn(p, " \n");
		unsigned wide = columns(p, len);
		if (!first && at + 1 + wide > width) {
			printf("\n%*s", (int)indent, "");
			at = indent;
			first = true;
		}
		printf("%s%.*s", first ? "" : " ", (int)len, p);
		at += wide + !first;
		first = false;
		p += len;
		p += strspn(p, " ");
	}
	printf("\n");
}

void complain(const char *format, ...)
{
	struct term t = term_of(STDERR_FILENO);
	char text[1024];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	fflush(stdout); /* where both go to one place, it comes behind what was said before */
	fprintf(stderr, "%ssluice:%s %s\n", t.red, t.off, text);
}
