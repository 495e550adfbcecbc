/* sluice import-spot: the way out of Apache Spot begins with its own configuration. */
#include "app/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/spot/import.h"
#include "app/term.h"
#include "base/file.h"
#include "base/mem.h"

static enum rc load(struct spot_file *f, char **text, const char *name, struct err *e)
{
	enum rc rc = file_load(name, SPOT_FILE, text, &f->size, e);
	f->name = name;
	f->text = *text;
	return rc == RC_END ? err_set(RC_BAD, e, "%s: no such file", name) : rc;
}

/* A file that is there is somebody's: it stays. */
static enum rc write_new(const char *path, const struct writer *yaml, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return errno == EEXIST ? err_set(RC_BAD, e, "%s is there already, and is not overwritten", path)
		                       : err_sys(RC_BAD, errno, e, "%s", path);
	enum rc rc = file_write(fd, yaml->bytes, yaml->len, e);
	if (rc == RC_OK && fsync(fd) != 0)
		rc = err_sys(RC_BAD, errno, e, "%s", path);
	if (close(fd) != 0 && rc == RC_OK)
		rc = err_sys(RC_BAD, errno, e, "%s", path);
	if (rc != RC_OK)
		unlink(path);
	return rc;
}

static void tell(const struct spot_notes *n, bool quiet)
{
	static const char *const word[] = {
	    [SPOT_MUST] = "to do first", [SPOT_SHOULD] = "to do", [SPOT_LEFT] = "not carried over"};
	for (size_t i = 0; i < n->count; i++)
		if (!quiet || n->note[i].kind != SPOT_LEFT)
			fprintf(stderr, "%s: %s\n", word[n->note[i].kind], n->note[i].text);
}

static enum rc convert(const struct args *a, const struct spot_params *p, bool *whole, struct err *e)
{
	struct spot_result r;
	const char *to = args_text(a, "output", NULL);
	enum rc rc = spot_import(p, &r, e);
	tell(&r.notes, args_has(a, "quiet"));
	if (rc == RC_OK && to != NULL)
		rc = write_new(to, &r.yaml, e);
	else if (rc == RC_OK)
		fwrite(r.yaml.bytes, 1, r.yaml.len, stdout);
	*whole = spot_notes_of(&r.notes, SPOT_MUST) == 0;
	spot_result_fini(&r);
	return rc;
}

static enum status run(const struct args *a)
{
	struct err e;
	struct spot_params p = {.lake = args_text(a, "lake", NULL),
	    .metastore = args_text(a, "metastore", NULL),
	    .location = args_text(a, "location", NULL)};
	char *ingest = NULL, *conf = NULL;
	bool whole = false;
	enum rc rc = RC_OK;
	if (a->words < 1 || a->words > 2) {
		complain("import-spot: name ingest_conf.json, and spot.conf behind it");
		return STATUS_USAGE;
	}
	rc = load(&p.ingest, &ingest, a->word[0], &e);
	if (rc == RC_OK && a->words == 2)
		rc = load(&p.conf, &conf, a->word[1], &e);
	if (rc == RC_OK)
		rc = convert(a, &p, &whole, &e);
	if (rc != RC_OK)
		complain("import-spot: %s", e.text);
	mem_free(&ingest);
	mem_free(&conf);
	return rc != RC_OK ? STATUS_USAGE : whole ? STATUS_DONE : STATUS_BAD;
}

static const struct option option[] = {
    {"output", 'o', "FILE", "write there instead of to standard output; a file that is there stays as it is"},
    {"lake", 0, "URL", "the lake, whatever the files say: webhdfs://namenode:9870/user/spot"},
    {"metastore", 0, "HOST", "of the Hive Metastore, which no file of Spot's names: HOST[:PORT][,HOST…]"},
    {"location", 0, "URL", "with --metastore: the lake as its tables have it: hdfs://nameservice/user/spot"},
    {"quiet", 'q', NULL, "tell only what is to do"},
    {0},
};

const struct command command_import_spot = {
    .name = "import-spot",
    .synopsis = "[-o FILE] INGEST_CONF [SPOT_CONF]",
    .summary = "Make a configuration of one of Apache Spot",
    .details =
        "Reads ingest_conf.json, and spot.conf for what stands there: name node, Kerberos, TLS. What cannot be "
        "carried over is told line by line, with its reason and what is to do, on standard error and as comments in "
        "what is written. Nothing is reached and nothing is changed; sluice check -c FILE comes next.\n"
        "Exit status 0 the configuration can run, 1 something in it must be filled in first, 2 a file could not "
        "be read or nothing could be made of it.",
    .option = option,
    .words = WORDS_PATHS,
    .run = run,
};
