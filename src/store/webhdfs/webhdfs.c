/*
 * webhdfs: HDFS over its REST interface as the lake (doc/store.md). One ops struct per scheme, with and without TLS.
 */
#include "store/webhdfs/webhdfs.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/webhdfs/name.h"

enum { TOKEN_MAX = 16 << 10, STALL_MS = 30000, CONNECTIONS = 16, PW_BUFFER = 16 << 10 };

static const char *option_of(const struct store_option *option, size_t options, const char *key)
{
	for (size_t i = 0; i < options; i++)
		if (strcmp(option[i].key, key) == 0)
			return option[i].value;
	return NULL;
}

static enum rc check_options(const struct store_option *option, size_t options, struct err *e)
{
	static const char *const known[] = {
	    "user", "auth", "token_file", "ca_file", "replication", "block_size", "timeout_ms", "connections"};
	for (size_t i = 0; i < options; i++) {
		bool found = false;
		for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
			found = found || strcmp(option[i].key, known[k]) == 0;
		if (!found)
			return err_set(RC_BAD, e, "a lake in HDFS has no option \"%.100s\"", option[i].key);
	}
	return RC_OK;
}

static enum rc number_of(
    const struct store_option *option, size_t options, const char *key, int64_t otherwise, int64_t *out, struct err *e)
{
	const char *text = option_of(option, options, key);
	*out = otherwise;
	if (text == NULL)
		return RC_OK;
	enum rc rc = str_number(text, 0, INT64_MAX / 2, out, e);
	return rc == RC_OK ? rc : err_wrap(rc, e, "%s", key);
}

/* As Hadoop's own client: what the environment says, else who runs us. */
static char *user_of(const struct store_option *option, size_t options)
{
	const char *user = option_of(option, options, "user");
	if (user == NULL)
		user = getenv("HADOOP_USER_NAME");
	if (user != NULL && user[0] != '\0')
		return mem_text(user);
	struct passwd entry, *found = NULL;
	char *buffer = mem_alloc(PW_BUFFER);
	char *name = getpwuid_r(geteuid(), &entry, buffer, PW_BUFFER, &found) == 0 && found != NULL
	                 ? mem_text(found->pw_name)
	                 : mem_format("%lld", (long long)geteuid());
	mem_free(&buffer);
	return name;
}

static enum rc read_token(struct webhdfs *w, struct err *e)
{
	size_t size = 0;
	if (w->token_file == NULL)
		return RC_OK;
	enum rc rc = file_load(w->token_file, TOKEN_MAX, &w->token, &size, e);
	if (rc == RC_END)
		return err_set(RC_FAIL, e, "%.300s: no such file", w->token_file);
	if (rc != RC_OK)
		return rc == RC_AGAIN ? rc : RC_FAIL;
	w->token[strcspn(w->token, " \t\r\n")] = '\0';
	return w->token[0] != '\0' ? RC_OK : err_set(RC_FAIL, e, "%.300s: holds no token", w->token_file);
}

static enum rc configure(struct webhdfs *w, const struct store_option *option, size_t options, struct err *e)
{
	int64_t replication = 0, block = 0, timeout_ms = 0, connections = 0;
	enum rc rc = check_options(option, options, e);
	if (rc == RC_OK)
		rc = number_of(option, options, "replication", 0, &replication, e);
	if (rc == RC_OK)
		rc = number_of(option, options, "block_size", 0, &block, e);
	if (rc == RC_OK)
		rc = number_of(option, options, "timeout_ms", STALL_MS, &timeout_ms, e);
	if (rc == RC_OK)
		rc = number_of(option, options, "connections", CONNECTIONS, &connections, e);
	if (rc != RC_OK)
		return rc;
	const char *auth = option_of(option, options, "auth");
	w->spnego = auth != NULL && strcmp(auth, "spnego") == 0;
	w->user = user_of(option, options);
	w->token_file = mem_text(option_of(option, options, "token_file"));
	w->connections = connections > 0 ? (unsigned)connections : 1;
	w->create = mem_format("%s%.0lld%s%.0lld", replication > 0 ? "&replication=" : "", (long long)replication,
	    block > 0 ? "&blocksize=" : "", (long long)block);
	rc = read_token(w, e);
	if (rc != RC_OK)
		return rc;
	const struct http_params params = {.ca_file = option_of(option, options, "ca_file"),
	    .connect_ms = timeout_ms < CONNECT_MS ? timeout_ms : CONNECT_MS,
	    .stall_ms = timeout_ms};
	return http_new(&params, w->spnego && w->token == NULL, &w->http, e);
}

static void close_root(struct store *s)
{
	struct webhdfs *w = webhdfs_of(s);
	http_free(&w->http);
	place_fini(&w->place);
	mem_free(&w->user);
	mem_free(&w->token);
	mem_free(&w->token_file);
	mem_free(&w->create);
	mem_free(&w->walk_prefix);
	mem_free(&w->walk_last);
	mem_release(w);
}

static enum rc open_root(const struct store_ops *ops, const char *place, const struct store_option *option,
    size_t options, struct store **out, struct err *e)
{
	struct webhdfs *w = mem_zero(1, sizeof *w);
	w->store.ops = ops;
	w->tls = ops == &store_webhdfs_ssl;
	w->chance = (uint64_t)clock_mono_ns() ^ ((uint64_t)getpid() << 40) ^ UINT64_C(0x9e3779b97f4a7c15);
	enum rc rc = place_read(place, w->tls, &w->place, e);
	if (rc == RC_OK)
		rc = configure(w, option, options, e);
	if (rc == RC_OK && (rc = client_mkdirs(w, "", e)) == RC_BAD)
		rc = RC_FAIL;
	if (rc != RC_OK) {
		close_root(&w->store);
		return rc;
	}
	naming_sweep(w);
	*out = &w->store;
	return RC_OK;
}

static enum rc open_plain(
    const char *place, const struct store_option *option, size_t options, struct store **out, struct err *e)
{
	return open_root(&store_webhdfs, place, option, options, out, e);
}

static enum rc open_tls(
    const char *place, const struct store_option *option, size_t options, struct store **out, struct err *e)
{
	return open_root(&store_webhdfs_ssl, place, option, options, out, e);
}

static enum rc remove_paths(struct store *s, const char *const *path, size_t paths, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; i < paths && rc == RC_OK; i++)
		rc = client_remove(webhdfs_of(s), path[i], e);
	return rc;
}

static enum rc stat_path(struct store *s, const char *path, struct store_stat *out, struct err *e)
{
	return client_stat(webhdfs_of(s), path, out, e);
}

/* An escaped name is longer than the name. */
static bool takes(struct store *s, const char *path)
{
	struct writer name;
	bool fits = true;
	(void)s;
	writer_init(&name, URL_MAX);
	for (const char *part = path; *part != '\0' && fits;) {
		size_t n = strcspn(part, "/");
		writer_reset(&name);
		fits = name_encode(part, n, &name) <= NAME_HDFS_MAX;
		part += n + (part[n] == '/');
	}
	writer_fini(&name);
	return fits;
}

static enum rc describe(struct store *s, char *out, size_t size, struct err *e)
{
	struct webhdfs *w = webhdfs_of(s);
	const struct call c = {.method = HTTP_GET, .path = "", .op = "GETSTATUS", .repeatable = true};
	struct http_call *h = NULL;
	struct answer a;
	uint64_t left = 0;
	size_t len;
	char room[40];
	snprintf(out, size, "name node %s, %s%s", w->place.node[w->active],
	    w->token != NULL ? "by delegation token"
	    : w->spnego      ? "by SPNEGO"
	                     : "user ",
	    w->token == NULL && !w->spnego ? w->user : "");
	enum rc rc = client_call(w, &c, &a, &h, e);
	/* Hadoop 2 and HttpFS cannot tell. */
	if (rc != RC_OK)
		return rc == RC_BAD ? RC_OK : rc;
	const char *body = http_reply(h, &len);
	size_t used = strlen(out);
	if (a.kind == ANSWER_OK && answer_space(body, len, &left, e) == RC_OK)
		snprintf(out + used, size - used, ", %s left", str_show_bytes(left, room, sizeof room));
	http_close(&h);
	return RC_OK;
}

/* clang-format off */
#define OPS(scheme_, open_) \
	{ \
	    .scheme = scheme_, \
	    .open = open_, \
	    .create = upload_create, \
	    .write = upload_write, \
	    .close_file = upload_close, \
	    .sync = upload_sync, \
	    .abandon = upload_abandon, \
	    .publish = naming_publish, \
	    .put_if_absent = naming_put_if_absent, \
	    .get_range = read_range, \
	    .read = read_open, \
	    .list = list_names, \
	    .remove = remove_paths, \
	    .stat = stat_path, \
	    .takes = takes, \
	    .describe = describe, \
	    .close = close_root, \
	}
/* clang-format on */

const struct store_ops store_webhdfs = OPS("webhdfs", open_plain);
const struct store_ops store_webhdfs_ssl = OPS("webhdfs+ssl", open_tls);
