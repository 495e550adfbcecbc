/* A command between two files: what it reads, and what it printed, which the csv dissector reads in its place. */
#include "exec/exec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "dissect/csv/csv.h"
#include "exec/child.h"
#include "exec/settings.h"
#include "exec/spool.h"

enum { LINE = 120, HEADER = 1024 };

struct exec {
	struct dissector base;
	struct exec_settings settings;
	unsigned *wanted;
	struct dissect_params params; /* of csv */
	struct source *src;           /* until the command has run */
	int input;                    /* its spooled bytes, -1 until they are; kept for another try */
	struct dissector *csv;        /* over its output */
	struct child_end end;
};

static void exec_close(struct dissector *d)
{
	struct exec *x = (struct exec *)d;
	dissect_close(&x->csv);
	source_close(&x->src);
	if (x->input >= 0)
		close(x->input);
	exec_settings_fini(&x->settings);
	mem_free(&x->wanted);
	mem_free(&x);
}

/* The options that csv gets have to hold before there is any output. */
static enum rc try_csv(const struct dissect_params *params, struct err *e)
{
	struct dissect_hints hints = {.name = ""};
	struct dissector *d = NULL;
	enum rc rc = dissect_open(&dissect_csv, source_memory("", 0), &hints, params, &d, e);
	dissect_close(&d);
	return rc;
}

static enum rc exec_open(struct source *src, const struct dissect_hints *hints, const struct dissect_params *params,
    struct dissector **out, struct err *e)
{
	struct exec *x = mem_zero(1, sizeof *x);
	x->base.ops = &dissect_exec;
	x->src = src;
	x->input = -1;
	enum rc rc = exec_settings_read(params, &x->settings, e);
	if (rc == RC_OK) {
		x->wanted = mem_copy(params->wanted, params->wants * sizeof *x->wanted);
		x->params = *params;
		x->params.wanted = x->wanted;
		x->params.option = x->settings.option;
		x->params.options = x->settings.options;
		/* The hint of a small input says nothing about what is printed of it. */
		x->params.rows = 0;
		rc = try_csv(&x->params, e);
	}
	if (rc != RC_OK) {
		exec_close(&x->base);
		return rc;
	}
	*out = &x->base;
	return RC_OK;
}

static enum rc exec_check(const struct dissect_params *params, struct err *e)
{
	struct exec_settings s;
	char *path = NULL;
	enum rc rc = exec_settings_read(params, &s, e);
	if (rc != RC_OK)
		return rc;
	rc = child_find(s.argument[0], &path, e);
	mem_free(&path);
	exec_settings_fini(&s);
	return rc;
}

/* The first line of what somebody wrote, as one line of plain text. */
static void first_line(const char *bytes, size_t len, char out[LINE])
{
	size_t n = 0;
	for (; n < len && n < LINE - 1 && bytes[n] != '\n' && bytes[n] != '\r'; n++)
		out[n] = bytes[n] >= ' ' && bytes[n] <= '~' ? bytes[n] : '?';
	out[n] = '\0';
}

/* Did the command end as it should? Otherwise the whole input is the reject. */
static enum rc judge(const struct exec *x, uint64_t printed, struct err *e)
{
	const struct exec_settings *s = &x->settings;
	const char *name = file_name(s->argument[0]);
	char said[LINE], how[80], text[32];
	first_line(x->end.note, x->end.note_len, said);
	if (x->end.timed_out)
		return err_set(RC_BAD, e, "%.60s: killed after %s (timeout)%s%s", name,
		    str_show_ms(s->limits.timeout_ms, text, sizeof text), said[0] != '\0' ? ": " : "", said);
	if (printed > s->limits.output_bytes)
		return err_set(RC_BAD, e, "%.60s: printed more than %s (output)", name,
		    str_show_bytes(s->limits.output_bytes, text, sizeof text));
	if (WIFEXITED(x->end.status) && WEXITSTATUS(x->end.status) == 0)
		return RC_OK;
	return err_set(RC_BAD, e, "%.60s: %s%s%s", name, proc_status_text(x->end.status, how, sizeof how),
	    said[0] != '\0' ? ": " : "", said);
}

static enum rc run(const struct exec *x, const char *path, int output, struct child_end *end, struct err *e)
{
	struct child c = {.path = path,
	    .argv = x->settings.argument,
	    .input = x->input,
	    .by_path = x->settings.by_path,
	    .output = output,
	    .limits = x->settings.limits};
	return child_run(&c, end, e);
}

/* What the tool calls itself, for the message that refuses it. */
static void ask_version(const struct exec *x, const char *path, char out[LINE])
{
	const char *const argv[] = {x->settings.argument[0], x->settings.preset->ask_version, NULL};
	struct child c = {.path = path, .argv = argv, .input = -1, .limits = x->settings.limits};
	struct child_end *end = mem_alloc(sizeof *end);
	struct err e;
	char text[LINE];
	str_copy(out, LINE, x->settings.preset->name);
	if (spool_open(&c.output, &e) == RC_OK) {
		ssize_t n = child_run(&c, end, &e) == RC_OK ? pread(c.output, text, sizeof text, 0) : 0;
		if (n > 0)
			first_line(text, (size_t)n, out);
		close(c.output);
	}
	mem_free(&end);
}

/* A preset reads the columns that it knows, and nothing else that is printed in their place. */
static enum rc check_header(const struct exec *x, const char *path, int output, struct err *e)
{
	const struct preset *p = x->settings.preset;
	char head[HEADER], version[LINE], line[LINE];
	if (p == NULL)
		return RC_OK;
	size_t want = strlen(p->header);
	ssize_t n = pread(output, head, sizeof head, 0);
	if (n > (ssize_t)want && memcmp(head, p->header, want) == 0 && (head[want] == '\n' || head[want] == '\r'))
		return RC_OK;
	ask_version(x, path, version);
	first_line(head, n > 0 ? (size_t)n : 0, line);
	return err_set(RC_BAD, e, "%s prints other columns than the preset reads, which knows %s %s: \"%s\"", version,
	    p->name, p->known, line);
}

/* The command over the input; its output becomes the source of csv. */
static enum rc run_command(struct exec *x, struct err *e)
{
	char *path = NULL;
	int output = -1;
	struct stat st;
	/* Not there today is not a fault of the input. */
	enum rc rc = child_find(x->settings.argument[0], &path, e);
	if (rc != RC_OK)
		return err_wrap(RC_AGAIN, e, "exec");
	rc = x->input < 0 ? spool_fill(x->src, &x->input, e) : RC_OK;
	if (rc == RC_OK && lseek(x->input, 0, SEEK_SET) != 0)
		rc = err_sys(RC_FAIL, errno, e, "the spooled input");
	if (rc == RC_OK)
		rc = spool_open(&output, e);
	if (rc == RC_OK)
		rc = run(x, path, output, &x->end, e);
	if (rc == RC_OK && (fstat(output, &st) != 0 || lseek(output, 0, SEEK_SET) != 0))
		rc = err_sys(RC_FAIL, errno, e, "the command's output");
	if (rc == RC_OK)
		rc = judge(x, (uint64_t)st.st_size, e);
	if (rc == RC_OK)
		rc = check_header(x, path, output, e);
	if (rc == RC_OK) {
		struct dissect_hints hints = {.name = "", .size = (uint64_t)st.st_size};
		rc = dissect_open(
		    &dissect_csv, source_fd(output, true, "the command's output"), &hints, &x->params, &x->csv, e);
		output = -1;
	}
	if (output >= 0)
		close(output);
	mem_free(&path);
	if (rc == RC_OK || rc == RC_BAD) {
		source_close(&x->src);
		if (x->input >= 0)
			close(x->input);
		x->input = -1;
	}
	return rc;
}

static enum rc exec_next(struct dissector *d, const struct batch **out, bool *clean, struct err *e)
{
	struct exec *x = (struct exec *)d;
	enum rc rc = RC_OK;
	if (x->csv == NULL) {
		if (x->src == NULL)
			return err_set(RC_BAD, e, "the command has failed");
		rc = run_command(x, e);
	}
	return rc == RC_OK ? dissect_next(x->csv, out, clean, e) : rc;
}

static size_t exec_note(const struct dissector *d, const char **text)
{
	const struct exec *x = (const struct exec *)d;
	*text = x->end.note;
	return x->end.note_len;
}

const struct dissect_ops dissect_exec = {
    .name = "exec",
    .version = "1",
    .dataset = NULL,
    .spawns = true,
    .catalogue = csv_catalogue,
    .counter = csv_counter_name,
    .counters = CSV_COUNTER_COUNT,
    .unread = CSV_UNREAD,
    .open = exec_open,
    .next = exec_next,
    .note = exec_note,
    .check = exec_check,
    .close = exec_close,
};
