/* sluice check: reaches everything a configuration names, one line each, before a daemon would find out at night. */
#include "app/cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "app/budgets.h"
#include "app/catalog_report.h"
#include "app/confinement.h"
#include "app/ops_report.h"
#include "app/overlap.h"
#include "app/setup.h"
#include "app/spark.h"
#include "app/term.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/user.h"

enum { WHAT = 24, LOW_SPACE = 1 << 30 };

struct report {
	bool quiet;
	bool failed;
};

static void line(struct report *r, bool ok, const char *what, const char *format, ...) PRINTF_LIKE(4, 5);

static void line(struct report *r, bool ok, const char *what, const char *format, ...)
{
	struct term t = term_of(1);
	char text[1200];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	r->failed |= !ok;
	if (!ok || !r->quiet)
		printf("%s%-4s%s  %-*s  %s\n", ok ? t.green : t.red, ok ? "ok" : "FAIL", t.off, WHAT, what, text);
}

/* Good, and yet most likely not what was meant. */
static void doubt(const char *what, const char *format, ...) PRINTF_LIKE(2, 3);

static void doubt(const char *what, const char *format, ...)
{
	struct term t = term_of(1);
	va_list list;
	printf("%swarn%s  %-*s  ", t.yellow, t.off, WHAT, what);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* The reason why something in a folder can't be made, with who could not, where that is the point. */
static const char *denied(const struct err *e, char out[USER_NAME + 32])
{
	struct user u;
	out[0] = '\0';
	user_self(&u);
	if (e->sys == EACCES || e->sys == EPERM || e->sys == EROFS)
		snprintf(out, USER_NAME + 32, "not writable by %s: ", u.name);
	return out;
}

/* Two writers must never both win a name: that is what commits stand on. */
static enum rc probe(struct store *s, struct err *e)
{
	char path[120];
	snprintf(path, sizeof path, "_sluice/probe/%d-%lld", (int)getpid(), (long long)clock_wall().ns);
	const char *const name[] = {path};
	enum rc rc = store_put_if_absent(s, path, "probe\n", 6, e);
	if (rc != RC_OK)
		return rc == RC_END ? err_set(RC_FAIL, e, "%s is there already", path) : rc;
	rc = store_put_if_absent(s, path, "again\n", 6, e);
	if (rc == RC_OK)
		rc = err_set(RC_FAIL, e, "a name was given out twice: commits would not be safe here");
	else if (rc == RC_END)
		rc = RC_OK;
	struct err ignored;
	if (store_remove(s, name, 1, &ignored) != RC_OK && rc == RC_OK) {
		*e = ignored;
		rc = RC_FAIL;
	}
	return rc;
}

static void check_lake(struct report *r, const struct settings *s)
{
	struct err e;
	struct store *store = NULL;
	char who[USER_NAME + 32];
	bool made = strcmp(s->store->scheme, "file") == 0 && !is_there(s->store_place);
	enum rc rc = store_open(s->store, s->store_place, s->store_option, s->store_options, &store, &e);
	char about[400] = "";
	if (rc == RC_OK)
		rc = probe(store, &e);
	if (rc == RC_OK && (rc = store_describe(store, about, sizeof about, &e)) == RC_END)
		rc = RC_OK;
	store_close(&store);
	if (rc == RC_OK)
		line(r, true, "lake", "%s: %swritable, names are given out once%s%s", s->lake_url,
		    made ? "made now, there was no lake; " : "", about[0] != '\0' ? "; " : "", about);
	else
		line(r, false, "lake", "%s: %s%s", s->lake_url, denied(&e, who), e.text);
}

static void check_bus(struct report *r, const struct settings *s)
{
	struct err e;
	char used[40], bound[40];
	struct bus *bus = NULL;
	uint64_t have = 0, most = 0;
	enum rc rc = bus_open(s->bus, s->bus_place, s->bus_option, s->bus_options, &bus, &e);
	if (rc == RC_OK)
		rc = bus_usage(bus, &have, &most, &e);
	unsigned topics = 0, missing = 0, partitions = 0;
	for (size_t i = 0; i < 2 * s->pipelines && rc == RC_OK; i++) {
		const struct pipeline *p = &s->pipeline[i / 2];
		rc = bus_topic_partitions(bus, i % 2 ? p->topic_rows : p->topic_files, &partitions, &e);
		topics += rc == RC_OK;
		missing += rc == RC_END;
		rc = rc == RC_END ? RC_OK : rc;
	}
	bus_close(&bus);
	if (rc == RC_OK && most == 0)
		line(r, true, "bus", "%s: reached; %u topic%s there, %u to be made", s->bus_url, topics,
		    topics == 1 ? " is" : "s are", missing);
	else if (rc == RC_OK)
		line(r, true, "bus", "%s: %s of %s used", s->bus_url, str_show_bytes(have, used, sizeof used),
		    str_show_bytes(most, bound, sizeof bound));
	else
		line(r, false, "bus", "%s: %s", s->bus_url, e.text);
}

static void check_state(struct report *r, const struct settings *s)
{
	struct err e = {.text = ""};
	char who[USER_NAME + 32] = "";
	bool made = !is_there(s->state);
	enum rc rc = file_mkdirs(s->state, &e);
	if (rc == RC_OK && access(s->state, R_OK | W_OK | X_OK) != 0)
		rc = err_sys(RC_FAIL, errno, &e, "its folder");
	line(r, rc == RC_OK, "state", "%s: %s%s", s->state,
	    rc != RC_OK ? denied(&e, who)
	    : made      ? "made now, "
	                : "",
	    rc == RC_OK ? "writable" : e.text);
}

static void check_space(struct report *r, const char *what, const char *path)
{
	struct statvfs v;
	char room[40], name[WHAT + 1];
	snprintf(name, sizeof name, "%s space", what);
	if (statvfs(path, &v) != 0)
		return; /* that the folder is not there has been told */
	uint64_t left = (uint64_t)v.f_bavail * v.f_frsize;
	str_show_bytes(left, room, sizeof room);
	if (v.f_files > 0 && v.f_favail < 1000)
		line(r, false, name, "only %llu more files can be made", (unsigned long long)v.f_favail);
	else
		line(r, left >= LOW_SPACE, name, "%s left%s", room, left >= LOW_SPACE ? "" : ", less than 1 GiB");
}

struct found {
	uint64_t matching, unreadable;
	char first[256]; /* name of one that can't be read */
};

static void look_in(DIR *dir, const struct pipeline *p, struct found *f)
{
	struct stat st;
	for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir)) {
		if (!str_match(p->pattern, d->d_name) ||
		    fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
			continue;
		f->matching++;
		if (faccessat(dirfd(dir), d->d_name, R_OK, AT_EACCESS) == 0 || errno == ENOENT)
			continue;
		if (f->unreadable++ == 0)
			str_escape(d->d_name, strlen(d->d_name) < 60 ? strlen(d->d_name) : 60, f->first);
	}
}

static void check_watch(struct report *r, const struct pipeline *p)
{
	char what[WHAT + 1];
	struct user u;
	struct found f = {.matching = 0};
	snprintf(what, sizeof what, "%.20s", p->name);
	DIR *dir = opendir(p->watch);
	if (dir == NULL || access(p->watch, R_OK | X_OK) != 0) {
		line(r, false, what, "%s: %s", p->watch, strerror(errno));
		if (dir != NULL)
			closedir(dir);
		return;
	}
	look_in(dir, p, &f);
	closedir(dir);
	user_self(&u);
	line(r, true, what, "%s: readable, %" PRIu64 " file%s right in it match %s; %s -> %s", p->watch, f.matching,
	    f.matching == 1 ? "" : "s", p->pattern, p->dissector->name, p->schema->name);
	if (f.unreadable > 0)
		line(r, false, what, "%s: %" PRIu64 " of these %" PRIu64 " can't be read by %s: %s%s", p->watch,
		    f.unreadable, f.matching, u.name, f.first, f.unreadable > 1 ? " and others" : "");
	if (p->after != AFTER_KEEP && access(p->watch, W_OK) != 0)
		line(r, false, what, "%s: not writable, but after: is not keep", p->watch);
	if (p->after == AFTER_MOVE && access(p->after_dir, W_OK | X_OK) != 0)
		line(r, false, what, "%s: %s", p->after_dir, strerror(errno));
}

/* A pipeline that also takes what another one takes. */
static void check_overlaps(const struct settings *s, size_t i)
{
	char name[OVERLAP_NAME], what[WHAT + 1];
	const struct pipeline *p = &s->pipeline[i];
	snprintf(what, sizeof what, "%.20s", p->name);
	for (size_t k = 0; k < i; k++)
		if (overlap_name(&s->pipeline[k], p, name) != NULL)
			doubt(what,
			    "%s: pipeline %s takes the same files, such as %.100s: each of them goes to both, by %s "
			    "and by %s; "
			    "pattern: keeps them apart",
			    p->watch, s->pipeline[k].name, name, s->pipeline[k].dissector->name, p->dissector->name);
}

/* What a dissector needs beside its files: the program of an external command. */
static void check_dissector(struct report *r, const struct pipeline *p)
{
	char what[WHAT + 1];
	struct err e;
	struct dissect_params params = dissect_params_of(p->projection, p->option, p->options);
	if (dissect_check(p->dissector, &params, &e) == RC_OK)
		return;
	snprintf(what, sizeof what, "%.20s", p->name);
	line(r, false, what, "%s: %s", p->dissector->name, e.text);
}

/* A process as the daemons have them: what is in force in it. */
static void check_confinement(struct report *r, const struct settings *s)
{
	struct err e;
	struct jail jail = {0};
	char text[JAIL_TEXT];
	if (!confinement_wanted(s)) {
		if (!s->confine)
			line(r, true, "confinement", "off");
		return;
	}
	const struct confine_params p = confinement_params(s);
	struct confine *c = confine_new(&p);
	enum rc rc = confine_try(c, &jail, &e);
	confine_free(&c);
	line(r, rc == RC_OK, "confinement", "%s%s",
	    rc != RC_OK || jail_whole(&jail) ? "" : "in part: ", rc == RC_OK ? jail_text(&jail, text) : e.text);
}

/* setup_config has made us that user, if we are not somebody who only looks. */
static void check_user(struct report *r, const struct config *c)
{
	struct user u;
	user_self(&u);
	bool same = c->user == NULL || strcmp(c->user, u.name) == 0;
	line(r, true, "user", "%s%s%s", u.name, same ? "" : "; daemons run as ",
	    !same                           ? c->user
	    : u.uid == 0 && c->user == NULL ? "; \"user:\" names whom root should become"
	                                    : "");
}

static void told_line(void *context, bool ok, const char *what, const char *text)
{
	line(context, ok, what, "%s", text);
}

/* The command that starts the Spark worker; one takes all pipelines that say so. */
static void check_spark(struct report *r, const char *file, const struct settings *s)
{
	struct err e;
	char *command = NULL;
	size_t pipelines = 0;
	for (size_t i = 0; i < s->pipelines; i++)
		pipelines += s->pipeline[i].rows_worker == ROWS_SPARK;
	if (pipelines == 0)
		return;
	enum rc rc = spark_command(file, &command, &e);
	line(r, rc == RC_OK, "spark", "%s", rc == RC_OK ? command : e.text);
	mem_free(&command);
}

static enum status run(const struct args *a)
{
	struct err e;
	struct config *c = NULL;
	struct report r = {.quiet = args_has(a, "quiet")};
	if (setup_config(a, &c, &e) != RC_OK) {
		line(&r, false, "configuration", "%s", e.text);
		return STATUS_USAGE;
	}
	const struct settings *s = &c->settings;
	line(&r, true, "configuration", "%s: instance %s, %zu pipeline%s, %u worker%s", setup_file(a), s->instance,
	    s->pipelines, s->pipelines == 1 ? "" : "s", s->workers, s->workers == 1 ? "" : "s");
	check_user(&r, c);
	check_lake(&r, s);
	if (strcmp(s->store->scheme, "file") == 0)
		check_space(&r, "lake", s->store_place);
	check_state(&r, s);
	check_space(&r, "state", s->state);
	check_bus(&r, s);
	budgets_check(c, told_line, &r);
	catalog_report(s, told_line, &r);
	ops_report(c, told_line, &r);
	for (size_t i = 0; i < s->pipelines; i++) {
		check_watch(&r, &s->pipeline[i]);
		check_dissector(&r, &s->pipeline[i]);
		check_overlaps(s, i);
	}
	check_confinement(&r, s);
	check_spark(&r, setup_file(a), s);
	config_free(&c);
	return r.failed ? STATUS_BAD : STATUS_DONE;
}

static const struct option option[] = {
    OPTION_CONFIG,
    {"quiet", 'q', NULL, "print only what fails or is doubtful"},
    {0},
};

const struct command command_check = {
    .name = "check",
    .synopsis = "[-c FILE]",
    .summary = "Check a configuration and reach everything it names",
    .details =
        "One line for each; exit status 1 when one of them fails, 2 when the configuration itself is wrong. A line "
        "that begins with warn is about what works and may not be meant. A lake and a state folder that are not "
        "there are made.",
    .option = option,
    .run = run,
};
