/* Daemons, the supervisor and the one-off commands begin alike; the order (config, log, state, lock, figures) stands
 * here once. */
#include "app/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/nearest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/user.h"

const char *setup_file(const struct args *a)
{
	return args_text(a, "config", CONFIG_DEFAULT);
}

static bool takes_option(const struct args *a, const char *name)
{
	for (const struct option *o = a->command->option; o->name != NULL; o++)
		if (strcmp(o->name, name) == 0)
			return true;
	return false;
}

static bool has_option(const struct args *a, const char *name)
{
	return takes_option(a, name) && args_has(a, name);
}

/* pread, because the descriptor is shared with the supervisor and its other children. */
static enum rc parse_fd(const char *file, int fd, struct config **out, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st) != 0 || st.st_size > CONFIG_MAX)
		return err_sys(RC_BAD, errno, e, "descriptor %d", fd);
	char *text = mem_zero((size_t)st.st_size + 1, 1);
	ssize_t n = pread(fd, text, (size_t)st.st_size, 0);
	enum rc rc = n == st.st_size ? config_parse(file, text, (size_t)n, out, e)
	                             : err_sys(RC_BAD, errno, e, "descriptor %d", fd);
	mem_free(&text);
	return rc;
}

enum rc setup_fd(const struct args *a, const char *option, int *fd, struct err *e)
{
	int64_t number = -1;
	enum rc rc = str_number(args_text(a, option, ""), 3, 1 << 20, &number, e);
	if (rc != RC_OK)
		return err_wrap(rc, e, "--%s", option);
	*fd = (int)number;
	return RC_OK;
}

/* `run` and the daemons, as against commands that people give. */
static bool is_daemon(const struct args *a)
{
	return takes_option(a, "config-fd") || takes_option(a, "checked");
}

/* People look at a site with the rights that they have; what runs it has none but those of its user. */
static enum rc take_user(const struct args *a, const struct config *c, struct err *e)
{
	struct user u;
	if (c->user == NULL)
		return RC_OK;
	enum rc rc = user_find(c->user, &u, e);
	if (rc == RC_OK && (geteuid() == 0 || is_daemon(a)))
		rc = user_become(&u, e);
	return rc == RC_OK ? rc : err_wrap(rc, e, "%s:%u: user", c->settings.file, config_line(c, NULL, "user"));
}

static enum rc read_config(const struct args *a, struct config **out, struct err *e)
{
	const char *file = setup_file(a);
	int fd = -1;
	const char *option = has_option(a, "config-fd") ? "config-fd" : has_option(a, "checked") ? "checked" : NULL;
	if (option == NULL)
		return config_load(file, out, e);
	enum rc rc = setup_fd(a, option, &fd, e);
	return rc == RC_OK ? parse_fd(file, fd, out, e) : rc;
}

enum rc setup_config(const struct args *a, struct config **out, struct err *e)
{
	struct config *c = NULL;
	enum rc rc = read_config(a, &c, e);
	if (rc == RC_OK)
		rc = take_user(a, c, e);
	if (rc == RC_OK)
		*out = c;
	else
		config_free(&c);
	return rc;
}

enum rc setup_dataset(const struct args *a, const struct settings *s, const char **out, struct err *e)
{
	const char *name = args_text(a, "dataset", NULL);
	char hint[NEAREST_HINT];
	struct nearest n = nearest_to(name != NULL ? name : "");
	bool known = name == NULL;
	for (size_t i = 0; i < s->pipelines; i++) {
		nearest_offer(&n, s->pipeline[i].schema->name);
		known |= name != NULL && strcmp(s->pipeline[i].schema->name, name) == 0;
	}
	if (!known)
		return err_set(RC_BAD, e, "no dataset \"%.60s\" in %.200s%s", name, s->file, nearest_hint(&n, hint));
	*out = name;
	return RC_OK;
}

enum rc setup_figures(
    const struct config *c, const char *name, struct metrics **metrics, struct metric_slot **slot, struct err *e)
{
	enum rc rc = file_mkdirs(c->settings.state, e);
	if (rc != RC_OK)
		return err_wrap(rc, e, "state");
	char *path = file_join(c->settings.state, "figures");
	struct metrics *m = NULL;
	rc = metrics_open(path, &m, e);
	mem_free(&path);
	if (rc != RC_OK)
		return rc;
	*slot = metrics_claim(m, name);
	*metrics = m;
	return RC_OK;
}

enum rc setup_lake_there(const struct config *c, struct err *e)
{
	const struct settings *s = &c->settings;
	if (strcmp(s->store->scheme, "file") != 0 || access(s->store_place, F_OK) == 0 || errno != ENOENT)
		return RC_OK;
	return err_set(RC_FAIL, e,
	    "there is no lake at %s: nothing has run with this configuration yet, or \"lake\" is wrong", s->lake_url);
}

enum rc setup_lock(const struct config *c, const char *name, int *fd, struct err *e)
{
	enum rc rc = file_mkdirs(c->settings.state, e);
	if (rc != RC_OK)
		return err_wrap(rc, e, "state");
	char *path = file_join(c->settings.state, name);
	int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (lock < 0)
		rc = err_sys(RC_FAIL, errno, e, "%s", path);
	else if (flock(lock, LOCK_EX | LOCK_NB) != 0)
		rc = errno == EWOULDBLOCK ? RC_END : err_sys(RC_FAIL, errno, e, "lock %s", path);
	mem_free(&path);
	if (rc == RC_OK)
		*fd = lock;
	else if (lock >= 0)
		close(lock);
	return rc;
}

bool setup_locked(const struct config *c, const char *name)
{
	char *path = file_join(c->settings.state, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	mem_free(&path);
	if (fd < 0)
		return false;
	bool locked = flock(fd, LOCK_SH | LOCK_NB) != 0;
	close(fd);
	return locked;
}

void setup_process(const struct args *a, const struct config *c, const char *name, bool calm)
{
	enum log_level least = (enum log_level)c->log_level;
	/* Ctrl-C goes to the whole group of the terminal: only the supervisor shall get it, and count it once. */
	if (has_option(a, "config-fd"))
		setpgid(0, 0);
	if ((calm || has_option(a, "calm")) && least < LOG_WARN && config_line(c, NULL, "log.level") == 0)
		least = LOG_WARN;
	proc_signals();
	log_open(name, least);
	if (geteuid() == 0 && c->user == NULL && is_daemon(a) && !has_option(a, "config-fd") && !calm)
		log_warn("runs as root: \"user:\" names whom root should become");
	struct err e;
	uint64_t got = 0;
	if (proc_allow_files(c->settings.open_files, &got, &e) != RC_OK)
		log_warn("open files cannot be allowed: %s", e.text);
	else if (got < c->settings.open_files)
		log_warn(
		    "open_files: %u wanted, the system allows %llu", c->settings.open_files, (unsigned long long)got);
}
