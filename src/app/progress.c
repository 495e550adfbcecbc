/* The collector counts; this file only decides how often and how wide to say it. */
#include "app/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/term.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

enum { REDRAW_MS = 100, PLAIN_MS = 5000, WINDOW_MS = 5000, LINE = 512, TEXT = 40 };

struct progress {
	const char *what;
	bool quiet, terminal, drawn;
	struct mono began, shown;
	/* Rates are of the last few seconds: the values where this window began. */
	struct mono window;
	uint64_t window_rows, window_bytes;
	double rows_s, bytes_s;
};

struct progress *progress_new(const char *what, bool quiet)
{
	struct progress *p = mem_zero(1, sizeof *p);
	struct mono now = clock_mono();
	*p = (struct progress){
	    .what = what, .quiet = quiet, .terminal = isatty(STDERR_FILENO), .began = now, .shown = now, .window = now};
	return p;
}

static void measure(struct progress *p, const struct collector_progress *now)
{
	int64_t age = mono_since(p->window);
	if (age < 500)
		return;
	p->rows_s = (double)(now->rows - p->window_rows) * 1000 / (double)age;
	p->bytes_s = (double)(now->bytes_done - p->window_bytes) * 1000 / (double)age;
	if (age < WINDOW_MS)
		return;
	p->window = clock_mono();
	p->window_rows = now->rows;
	p->window_bytes = now->bytes_done;
}

static size_t line_of(const struct progress *p, const struct collector_progress *now, char out[LINE])
{
	char a[TEXT], b[TEXT];
	int n = snprintf(out, LINE, "%s  %s/%s%s files", p->what, str_show_count(now->files_done, a, sizeof a),
	    str_show_count(now->files, b, sizeof b), now->scanning ? "+" : "");
	/* Rows count once they are committed: until the first are, a rate would only worry. */
	if (now->rows > 0)
		n += snprintf(out + n, LINE - (size_t)n, "  %s rows  %s rows/s", str_show_count(now->rows, a, sizeof a),
		    str_show_count((uint64_t)p->rows_s, b, sizeof b));
	if (p->bytes_s > 0)
		n += snprintf(out + n, LINE - (size_t)n, "  %s/s", str_show_bytes((uint64_t)p->bytes_s, a, sizeof a));
	if (!now->scanning && p->bytes_s > 0 && now->bytes > now->bytes_done) {
		double left_ms = (double)(now->bytes - now->bytes_done) / p->bytes_s * 1000;
		n += snprintf(out + n, LINE - (size_t)n, "  ETA %s", str_show_ms((int64_t)left_ms, a, sizeof a));
	}
	if (now->waiting != NULL)
		n += snprintf(out + n, LINE - (size_t)n, "  waiting: %.200s", now->waiting);
	else if (now->rows == 0 && now->files > 0)
		n += snprintf(out + n, LINE - (size_t)n, "  %s", str_show_ms(mono_since(p->began), a, sizeof a));
	return (size_t)n;
}

void progress_show(struct progress *p, const struct collector_progress *now)
{
	char line[LINE];
	if (p->quiet || mono_since(p->shown) < (p->terminal ? REDRAW_MS : PLAIN_MS))
		return;
	p->shown = clock_mono();
	measure(p, now);
	size_t len = line_of(p, now, line);
	if (!p->terminal) {
		fprintf(stderr, "%s\n", line);
		return;
	}
	size_t most = term_width(STDERR_FILENO) - 1;
	fprintf(stderr, "\r\033[K%.*s", (int)(len < most ? len : most), line);
	fflush(stderr);
	p->drawn = true;
}

void progress_free(struct progress **p)
{
	if (*p == NULL)
		return;
	if ((*p)->drawn)
		fprintf(stderr, "\r\033[K");
	mem_free(p);
}
