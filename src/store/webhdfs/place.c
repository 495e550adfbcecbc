/* Hosts are checked for their letters only: whether they are there is found out by asking. */
#include "store/webhdfs/place.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static const char host_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

static enum rc read_node(const char *text, size_t len, bool tls, char **out, struct err *e)
{
	char *node = mem_text_n(text, len);
	size_t host = node[0] == '[' ? strcspn(node, "]") + 1 : strcspn(node, ":");
	int64_t port = 0;
	struct err ignored;
	bool good = host <= len && host > 0;
	if (good && node[0] == '[')
		good = strspn(node + 1, "0123456789abcdefABCDEF:.") == host - 2 && host > 2;
	else if (good)
		good = strspn(node, host_chars) == host;
	if (good && node[host] == '\0')
		*out = mem_format("%s:%d", node, tls ? 9871 : 9870);
	else if (good && node[host] == ':' && str_number(node + host + 1, 1, 65535, &port, &ignored) == RC_OK)
		*out = mem_text(node);
	else
		good = false;
	if (!good)
		err_set(RC_BAD, e, "\"%.100s\" is not host:port of a name node", node);
	mem_free(&node);
	return good ? RC_OK : RC_BAD;
}

/* The root is a path of HDFS, not one of ours: what HDFS refuses is refused here. */
static enum rc read_root(const char *path, char **out, struct err *e)
{
	size_t len = strlen(path);
	while (len > 0 && path[len - 1] == '/')
		len--;
	for (size_t i = 0; i < len;) {
		size_t n = strcspn(path + i + 1, "/");
		const char *part = path + i + 1;
		if (i + 1 + n > len)
			n = len - i - 1;
		if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.') ||
		    memchr(part, ':', n) != NULL)
			return err_set(RC_BAD, e, "\"%.200s\" is not a path of HDFS", path);
		i += n + 1;
	}
	*out = mem_text_n(path, len);
	return RC_OK;
}

enum rc place_read(const char *text, bool tls, struct place *out, struct err *e)
{
	size_t all = strcspn(text, "/");
	struct place p = {.nodes = 0};
	enum rc rc = RC_OK;
	for (size_t at = 0; rc == RC_OK; at++) {
		size_t n = strcspn(text + at, ",/");
		if (p.nodes == PLACE_NODES_MAX)
			rc = err_set(RC_BAD, e, "more than %d name nodes", PLACE_NODES_MAX);
		else
			rc = read_node(text + at, n, tls, &p.node[p.nodes], e);
		if (rc != RC_OK)
			break;
		p.nodes++;
		at += n;
		if (at >= all)
			break;
	}
	if (rc == RC_OK && text[all] == '\0')
		rc = err_set(RC_BAD, e, "a lake in HDFS needs a folder: %.100s/user/spot", text);
	if (rc == RC_OK)
		rc = read_root(text + all, &p.root, e);
	if (rc == RC_OK)
		*out = p;
	else
		place_fini(&p);
	return rc;
}

void place_fini(struct place *p)
{
	for (size_t i = 0; i < p->nodes; i++)
		mem_free(&p->node[i]);
	mem_free(&p->root);
	p->nodes = 0;
}
