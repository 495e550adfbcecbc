/* sluice dissect: the dissectors as a Unix filter. No configuration, no lake; the oracle of the tables and a tool for
 * pipes. */
#include "app/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/providers.h"
#include "app/printer.h"
#include "app/schemas.h"
#include "app/term.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/source.h"
#include "base/str.h"
#include "confine/confine.h"
#include "ext/hash.h"

enum { FOOTER_SOURCES = 4096, MESSAGE_NAME = 1024 };

struct job {
	const struct args *args;
	const struct dissect_ops *dissector;
	struct dissect_option *option;
	size_t options;
	struct schema *schema;
	struct projection *projection;
	struct parquet_options parquet;
	int out;
	struct printer *printer;
	struct confine *confine;
	struct cell *cell;   /* NULL: dissected in this process */
	struct sha256 *hash; /* NULL when no footer wants it */
	bool failed;         /* something was rejected */
};

/* An input's name as it may stand in a message: odd bytes escaped. */
static void shown_name(const char *path, char out[MESSAGE_NAME])
{
	char *text = mem_alloc(4 * strlen(path) + 1);
	str_escape(path, strlen(path), text);
	if (!str_copy(out, MESSAGE_NAME, strcmp(path, "-") == 0 ? "standard input" : text))
		memcpy(out + MESSAGE_NAME - 4, "...", 4);
	mem_free(&text);
}

/* What a tool behind the dissector said, line by line under the input's name. */
static void show_note(const char *name, const struct dissector *d)
{
	const char *text;
	for (size_t len = dissect_note(d, &text); len > 0;) {
		const char *end = memchr(text, '\n', len);
		size_t line = end != NULL ? (size_t)(end - text) : len, used = end != NULL ? line + 1 : line;
		char *shown = mem_alloc(4 * line + 1);
		str_escape(text, line, shown);
		fprintf(stderr, "%s: said: %s\n", name, shown);
		mem_free(&shown);
		text += used;
		len -= used;
	}
}

static void show_reject(const char *name, const struct batch *b, const struct batch_reject *r)
{
	char lost[64] = "unknown rows lost";
	if (r->rows != REJECT_ROWS_UNKNOWN)
		snprintf(lost, sizeof lost, "%s%" PRIu64 " row%s lost", r->rows & REJECT_ROWS_LEAST ? "at least " : "",
		    r->rows & ~REJECT_ROWS_LEAST, (r->rows & ~REJECT_ROWS_LEAST) == 1 ? "" : "s");
	fprintf(stderr, "%s: offset %" PRIu64 ", length %" PRIu64 ": %.*s (%s)\n", name, r->offset, r->length,
	    (int)r->reason.length, (const char *)batch_span(b, r->reason), lost);
}

/* The input as the dissector reads it, hashed on the way. The descriptor stays the caller's, who hashes what the
 * dissector left unread. */
struct hashed {
	struct source front;
	int fd;
	struct sha256 *hash;
	bool *broken; /* the caller's: bytes were not to be had */
};

static enum rc hashed_read(struct source *s, void *to, size_t size, size_t *got, struct err *e)
{
	struct hashed *h = (struct hashed *)s;
	ssize_t n;
	do
		n = read(h->fd, to, size);
	while (n < 0 && errno == EINTR);
	*h->broken |= n < 0;
	if (n < 0)
		return err_sys(RC_AGAIN, errno, e, "cannot read");
	if (n == 0)
		return RC_END;
	if (h->hash != NULL)
		sha256_add(h->hash, to, (size_t)n);
	*got = (size_t)n;
	return RC_OK;
}

static void hashed_close(struct source *s)
{
	mem_release(s);
}

static const struct source_ops hashed_ops = {.name = "input", .read = hashed_read, .close = hashed_close};

static struct source *hashed_source(int fd, struct sha256 *hash, bool *broken)
{
	struct hashed *h = mem_zero(1, sizeof *h);
	h->front.ops = &hashed_ops;
	h->fd = fd;
	h->hash = hash;
	h->broken = broken;
	return &h->front;
}

/* A dissector need not read an input it refuses to its end; its hash is of the whole. false: that is not to be had. */
static bool hash_rest(struct sha256 *hash, int fd, char text[SHA256_TEXT])
{
	uint8_t bytes[16 << 10], digest[SHA256_BYTES];
	ssize_t n;
	while ((n = read(fd, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR))
		sha256_add(hash, bytes, n > 0 ? (size_t)n : 0);
	sha256_peek(hash, digest);
	str_hex(digest, sizeof digest, text);
	return n == 0;
}

static enum rc read_batches(struct job *j, struct dissector *d, const char *name, uint64_t *rows, struct err *e)
{
	uint64_t rejects = 0;
	for (;;) {
		const struct batch *b = NULL;
		bool clean = true;
		enum rc rc = dissect_next(d, &b, &clean, e);
		if (rc == RC_END) {
			if (!clean && rejects == 0)
				fprintf(stderr, "%s: ends before its format says it should\n", name);
			j->failed |= !clean || rejects > 0;
			return RC_OK;
		}
		if (rc != RC_OK)
			return rc;
		const struct batch_reject *reject = (const void *)((const uint8_t *)b + b->rejects_at);
		for (uint32_t i = 0; i < b->rejects; i++)
			show_reject(name, b, &reject[i]);
		rejects += b->rejects;
		*rows += b->rows;
		rc = b->rows > 0 ? printer_append(j->printer, b, e) : RC_OK;
		if (rc != RC_OK)
			return err_wrap(RC_FAIL, e, "output");
	}
}

/* RC_FAIL: the output is gone. Everything about the input itself is told and remembered, and the next one goes on. */
static enum rc dissect_fd(struct job *j, int fd, const char *path, struct err *e)
{
	char name[MESSAGE_NAME];
	shown_name(path, name);
	struct stat st = {0};
	bool sized = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	const char *base = file_name(path);
	struct dissect_hints hints = {.name = base,
	    .size = sized ? (uint64_t)st.st_size : DISSECT_SIZE_UNKNOWN,
	    .archived_s = clock_wall().ns / NS_PER_S};
	if (j->dissector->slot != NULL)
		hints.slot_s = j->dissector->slot(base);
	struct dissect_params params = dissect_params_of(j->projection, j->option, j->options);
	if (j->hash != NULL)
		sha256_reset(j->hash);
	struct dissector *d = NULL;
	uint64_t rows = 0;
	bool broken = false;
	enum rc rc = cell_open(j->cell, j->dissector, hashed_source(fd, j->hash, &broken), &hints, &params, &d, e);
	if (rc == RC_OK) {
		rc = read_batches(j, d, name, &rows, e);
		show_note(name, d);
		dissect_close(&d);
	} else if (rc == RC_FAIL) {
		return err_wrap(RC_FAIL, e, "%s", name);
	}
	if (rc == RC_BAD || rc == RC_AGAIN) {
		fprintf(stderr, "%s: %s\n", name, e->text);
		j->failed = true;
		rc = RC_OK;
	}
	if (rc == RC_OK && j->hash != NULL) {
		char text[SHA256_TEXT];
		bool whole = !broken && hash_rest(j->hash, fd, text);
		printer_source(j->printer, whole ? text : NULL, rows);
	}
	return rc;
}

static enum rc dissect_path(struct job *j, const char *path, struct err *e)
{
	struct stat st;
	if (strcmp(path, "-") == 0)
		return dissect_fd(j, STDIN_FILENO, path, e);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char name[MESSAGE_NAME];
	shown_name(path, name);
	if (fd < 0 || fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
		complain("%s: %s", name, fd < 0 ? strerror(errno) : "is a folder");
		j->failed = true;
		if (fd >= 0)
			close(fd);
		return RC_OK;
	}
	enum rc rc = dissect_fd(j, fd, path, e);
	close(fd);
	return rc;
}

/* "key=value" of each -O. */
static enum rc read_options(struct job *j, struct err *e)
{
	j->option = mem_zero(j->args->sets + 1, sizeof *j->option);
	for (size_t i = 0; i < j->args->sets; i++) {
		const struct args_set *set = &j->args->set[i];
		if (set->option->letter != 'O')
			continue;
		const char *equals = strchr(set->value, '=');
		if (equals == NULL || equals == set->value)
			return err_set(RC_BAD, e, "-O wants key=value, not \"%.100s\"", set->value);
		j->option[j->options++] =
		    (struct dissect_option){mem_text_n(set->value, (size_t)(equals - set->value)), equals + 1};
	}
	return RC_OK;
}

static enum rc read_parquet(struct job *j, struct err *e)
{
	const char *codec = args_text(j->args, "codec", "snappy");
	const char *rows = args_text(j->args, "row-group", NULL);
	j->parquet.codec = (enum codec)codec_find(codec);
	int64_t number = 0;
	if (rows != NULL && str_number(rows, 1, 1 << 30, &number, e) != RC_OK)
		return err_wrap(RC_BAD, e, "--row-group");
	j->parquet.row_group_rows = (uint32_t)number;
	const char *level = args_text(j->args, "level", NULL);
	if (level != NULL && str_number(level, 1, 9, &number, e) != RC_OK)
		return err_wrap(RC_BAD, e, "--level");
	j->parquet.level = level != NULL ? (int)number : 0;
	return RC_OK;
}

/* Options are the dissector's own to judge: opened over nothing it says so before an output is made. */
static enum rc try_options(struct job *j, struct err *e)
{
	struct dissector *d = NULL;
	struct dissect_hints hints = {.name = "", .size = 0};
	struct dissect_params params = dissect_params_of(j->projection, j->option, j->options);
	enum rc rc = dissect_open(j->dissector, source_memory("", 0), &hints, &params, &d, e);
	dissect_close(&d);
	return rc;
}

/* What to write, from what, how. RC_BAD: usage. */
static enum rc prepare(struct job *j, struct err *e)
{
	const char *type = args_text(j->args, "type", NULL);
	const char *file = args_text(j->args, "schema", NULL);
	if (type == NULL)
		return err_set(
		    RC_BAD, e, "which dissector? -t TYPE, for instance -t %s", provider_dissector_at(0)->name);
	enum rc rc = provider_dissector(type, &j->dissector, e);
	if (rc == RC_OK)
		rc = read_options(j, e);
	if (rc == RC_OK)
		rc = read_parquet(j, e);
	if (rc == RC_OK && file == NULL && j->dissector->dataset == NULL)
		rc = err_set(RC_BAD, e, "%s has no table of its own: which one? --schema FILE", type);
	if (rc == RC_OK)
		rc = file != NULL ? schemas_read(file, &j->schema, e)
		                  : schemas_find(NULL, j->dissector->dataset, &j->schema, e);
	if (rc == RC_OK)
		rc = dissect_bind(j->dissector, j->schema, &j->projection, e);
	return rc == RC_OK ? try_options(j, e) : rc;
}

/* An input that is the output would be emptied before it is read. */
static enum rc check_same(const struct args *a, const char *out, struct err *e)
{
	struct stat to, from;
	if (stat(out, &to) != 0 || !S_ISREG(to.st_mode))
		return RC_OK;
	for (size_t i = 0; i < a->words; i++)
		if (stat(a->word[i], &from) == 0 && from.st_dev == to.st_dev && from.st_ino == to.st_ino)
			return err_set(RC_BAD, e, "%.300s is an input too", out);
	return RC_OK;
}

static enum rc open_output(struct job *j, const char *format, struct err *e)
{
	const char *out = args_text(j->args, "output", "-");
	bool binary = strcmp(format, "avro") == 0 || strcmp(format, "parquet") == 0;
	if (strcmp(format, "parquet") == 0 && j->args->words > FOOTER_SOURCES)
		return err_set(RC_BAD, e, "a parquet file names at most %d inputs", FOOTER_SOURCES);
	if (strcmp(out, "-") == 0) {
		j->out = STDOUT_FILENO;
		if (binary && isatty(j->out))
			return err_set(RC_BAD, e, "%s does not go to a terminal; use -o FILE", format);
		return RC_OK;
	}
	enum rc rc = check_same(j->args, out, e);
	if (rc != RC_OK)
		return rc;
	j->out = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	return j->out >= 0 ? RC_OK : err_sys(RC_BAD, errno, e, "%s", out);
}

/* An output is begun for inputs that are there: a mistyped name leaves no header, and no empty file. */
static bool any_there(const struct args *a)
{
	for (size_t i = 0; i < a->words; i++)
		if (strcmp(a->word[i], "-") == 0 || access(a->word[i], R_OK) == 0)
			return true;
	return a->words == 0;
}

static enum rc run_all(struct job *j, struct err *e)
{
	static const char *const standard_input[] = {"-"};
	bool piped = j->args->words == 0;
	const char *const *path = piped ? standard_input : j->args->word;
	size_t paths = piped ? 1 : j->args->words;
	enum rc rc = RC_OK;
	for (size_t i = 0; i < paths && rc == RC_OK; i++)
		rc = dissect_path(j, path[i], e);
	if (rc == RC_OK && printer_finish(j->printer, e) != RC_OK)
		rc = err_wrap(RC_FAIL, e, "output");
	if (rc == RC_OK && printer_outside(j->printer) > 0)
		complain("%" PRIu64 " values became null: their column's type cannot hold them",
		    printer_outside(j->printer));
	if (rc == RC_OK && j->out != STDOUT_FILENO && close(j->out) != 0)
		rc = err_sys(RC_FAIL, errno, e, "output");
	return rc;
}

static void job_fini(struct job *j)
{
	cell_free(&j->cell);
	confine_free(&j->confine);
	printer_free(&j->printer);
	sha256_free(&j->hash);
	projection_free(&j->projection);
	schema_free(&j->schema);
	for (size_t i = 0; i < j->options; i++) {
		char *key = (char *)j->option[i].key;
		mem_free(&key);
	}
	mem_free(&j->option);
}

static enum status run(const struct args *a)
{
	struct err e;
	struct job j = {.args = a, .out = -1};
	const char *format = args_text(a, "format", "csv");
	enum status status = STATUS_USAGE;
	/* A reader that leaves (head) ends us quietly, as every filter. */
	signal(SIGPIPE, SIG_DFL);
	enum rc rc = prepare(&j, &e);
	if (rc == RC_OK && !any_there(a)) {
		for (size_t i = 0; i < a->words && rc == RC_OK; i++)
			rc = dissect_path(&j, a->word[i], &e);
		status = STATUS_BAD;
		goto out;
	}
	if (rc == RC_OK)
		rc = open_output(&j, format, &e);
	if (rc != RC_OK)
		goto out;
	char dissector[80];
	snprintf(dissector, sizeof dissector, "%s/%s", j.dissector->name, j.dissector->version);
	struct printer_params params = {
	    .projection = j.projection, .fd = j.out, .parquet = j.parquet, .dissector = dissector};
	rc = printer_open(format, &params, &j.printer, &e);
	if (rc == RC_OK && printer_wants_source(j.printer) && !args_has(a, "no-hash"))
		j.hash = sha256_new();
	status = STATUS_BAD;
	if (!args_has(a, "unconfined")) {
		j.confine = confine_new(&CONFINE_USUAL);
		j.cell = cell_new(j.confine);
	}
	if (rc == RC_OK)
		rc = run_all(&j, &e);
	if (rc == RC_OK)
		status = j.failed ? STATUS_BAD : STATUS_DONE;
	if (rc == RC_BAD)
		status = STATUS_USAGE;
out:
	if (rc != RC_OK)
		complain("dissect: %s", e.text);
	job_fini(&j);
	return status;
}

static const struct option option[] = {
    {"type", 't', "TYPE", "the dissector: nfcapd, pcap-dns, elff, csv or exec", OPTION_DISSECTORS},
    {"format", 'f', "FORMAT", "csv (default), json, avro or parquet", "csv json avro parquet"},
    {"output", 'o', "FILE", "where the rows go; standard output by default"},
    {"option", 'O', "KEY=VALUE", "an option of the dissector; may be given several times"},
    {"schema", 0, "FILE", "columns from this .avsc instead of the shipped table"},
    {"codec", 0, "CODEC", "parquet: snappy (default), zstd, gzip or none", "snappy zstd gzip none"},
    {"level", 0, "1..9", "parquet: how hard zstd and gzip try"},
    {"row-group", 0, "ROWS", "parquet: rows of a row group, 1048576 by default"},
    {"unconfined", 0, NULL, "dissect in this process, not in one without rights"},
    {"no-hash", 0, NULL, "parquet: no sha256 of the inputs in the footer, which takes an eighth of the time of a log"},
    {0},
};

const struct command command_dissect = {
    .name = "dissect",
    .synopsis = "-t TYPE [-f FORMAT] [-o FILE] [PATH...]",
    .summary = "Print the rows of files, as the tables store them",
    .details = "Without a path, or with -, reads standard input. Several inputs come out one after the other, under "
               "one header line.\n"
               "Rejects go to standard error, one line each: FILE: offset N, length N: reason (rows lost).\n"
               "Exit status 0: every byte was understood; 1: something was rejected; 2: usage.",
    .option = option,
    .words = WORDS_PATHS,
    .run = run,
};
