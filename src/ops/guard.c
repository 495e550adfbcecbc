/* The rules are small and all security hangs on them, so they stand apart from the server and are tested alone. */
#include "ops/guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

enum { HOST = 256 };

/* "name:port" or "[address]:port" without its port, in out; false: no host at all. */
static bool host_only(const char *text, char out[HOST])
{
	size_t len = text[0] == '[' ? strcspn(text, "]") : strcspn(text, ":");
	const char *rest = text + len;
	if (text[0] == '[') {
		if (*rest != ']')
			return false;
		text++;
		len--;
		rest++;
	}
	if (*rest == ':')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (len == 0 || len >= HOST || *rest != '\0')
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

static bool is_address(const char *host)
{
	struct in6_addr any;
	return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

static bool is_listed(const char *host, const char *names)
{
	size_t want = strlen(host);
	while (names != NULL && *names != '\0') {
		size_t len = strcspn(names, " \t,");
		if (len == want && strncasecmp(names, host, len) == 0)
			return true;
		names += len;
		names += strspn(names, " \t,");
	}
	return false;
}

bool guard_host(const char *text, const char *names)
{
	char host[HOST];
	if (text == NULL || !host_only(text, host))
		return false;
	return is_address(host) || strcasecmp(host, "localhost") == 0 || is_listed(host, names);
}

bool guard_origin(const char *origin, const char *host)
{
	if (origin == NULL)
		return true;
	const char *at = strstr(origin, "://");
	return host != NULL && at != NULL && strcasecmp(at + 3, host) == 0;
}

bool guard_token(const char *authorization, const char *token)
{
	static const char scheme[] = "Bearer ";
	if (authorization == NULL || token == NULL || token[0] == '\0' ||
	    strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
		return false;
	const char *given = authorization + sizeof scheme - 1;
	size_t want = strlen(token), have = strlen(given);
	unsigned char differs = have != want;
	for (size_t i = 0; i < have; i++)
		differs |= (unsigned char)(given[i] ^ token[i % want]);
	return differs == 0;
}

enum rc guard_token_load(const char *path, char **out, struct err *e)
{
	struct stat st;
	char *text = NULL;
	size_t size = 0;
	if (stat(path, &st) != 0)
		return err_sys(RC_BAD, errno, e, "%s", path);
	if ((st.st_mode & (S_IRWXO | S_IWGRP)) != 0)
		return err_set(RC_BAD, e, "%s: others can read it, or the group can write it: chmod 600", path);
	enum rc rc = file_load(path, GUARD_TOKEN_MOST + 2, &text, &size, e);
	if (rc != RC_OK)
		return rc == RC_END ? err_set(RC_BAD, e, "%s: no such file", path) : err_wrap(RC_BAD, e, "%s", path);
	char *begin = text + strspn(text, " \t\r\n");
	size_t len = strcspn(begin, " \t\r\n");
	if (len < GUARD_TOKEN_LEAST || len > GUARD_TOKEN_MOST)
		rc = err_set(RC_BAD, e, "%s: a token has %d .. %d characters without blanks", path, GUARD_TOKEN_LEAST,
		    GUARD_TOKEN_MOST);
	begin[len] = '\0';
	if (rc == RC_OK)
		*out = mem_text(begin);
	mem_free(&text);
	return rc;
}
