/* The part of a catalog's URL after thrift://. */
#include "catalog/hive/hosts.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define PORT "9083"

void hosts_fini(struct hosts *p)
{
	for (size_t i = 0; i < p->hosts; i++)
		mem_free(&p->host[i].name);
	p->hosts = 0;
}

static enum rc read_port(const char *text, size_t len, struct hosts_one *out, struct err *e)
{
	char port[8] = PORT;
	int64_t number = 0;
	if (len >= sizeof port)
		return err_set(RC_BAD, e, "a port is a number from 1 to 65535");
	if (len > 0)
		snprintf(port, sizeof port, "%.*s", (int)len, text);
	if (str_number(port, 1, 65535, &number, e) != RC_OK)
		return err_set(RC_BAD, e, "a port is a number from 1 to 65535, not \"%s\"", port);
	memcpy(out->port, port, sizeof port);
	return RC_OK;
}

/* name, name:port, [address]:port */
static enum rc read_host(const char *text, size_t len, struct hosts *p, struct err *e)
{
	bool bracket = len > 0 && text[0] == '[';
	const char *close = bracket ? memchr(text, ']', len) : NULL;
	if (bracket && close == NULL)
		return err_set(RC_BAD, e, "a bracket is not closed");
	const char *name = bracket ? text + 1 : text;
	size_t name_len = bracket ? (size_t)(close - name) : len;
	const char *rest = bracket ? close + 1 : text;
	const char *colon = memchr(rest, ':', len - (size_t)(rest - text));
	if (!bracket && colon != NULL)
		name_len = (size_t)(colon - name);
	if (name_len == 0 || (bracket && colon != rest && rest != text + len))
		return err_set(RC_BAD, e, "a host is missing: thrift://host:9083[,host:9083]/database");
	if (p->hosts == HOSTS_MOST)
		return err_set(RC_BAD, e, "at most %d hosts", HOSTS_MOST);
	struct hosts_one h = {.name = NULL};
	const char *port = colon != NULL ? colon + 1 : text + len;
	enum rc rc = read_port(port, (size_t)(text + len - port), &h, e);
	if (rc != RC_OK)
		return rc;
	h.name = mem_text_n(name, name_len);
	p->host[p->hosts++] = h;
	return RC_OK;
}

static enum rc read_database(const char *text, struct hosts *p, struct err *e)
{
	size_t len = strlen(text);
	if (len > 0 && text[len - 1] == '/')
		len--;
	if (len == 0)
		text = "default", len = strlen(text);
	if (len >= sizeof p->database)
		return err_set(RC_BAD, e, "a database's name has at most %d characters", HOSTS_DATABASE - 1);
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)text[i]) && text[i] != '_')
			return err_set(RC_BAD, e, "a database's name has letters, digits and _: \"%.100s\"", text);
		p->database[i] = (char)tolower((unsigned char)text[i]);
	}
	p->database[len] = '\0';
	return RC_OK;
}

enum rc hosts_read(const char *text, struct hosts *out, struct err *e)
{
	struct hosts p = {.hosts = 0};
	size_t hosts = strcspn(text, "/");
	enum rc rc = read_database(text[hosts] == '/' ? text + hosts + 1 : "", &p, e);
	for (size_t at = 0; rc == RC_OK && at <= hosts;) {
		size_t len = strcspn(text + at, ",/");
		rc = read_host(text + at, len, &p, e);
		at += len + 1;
	}
	if (rc == RC_OK)
		*out = p;
	else
		hosts_fini(&p);
	return rc;
}
