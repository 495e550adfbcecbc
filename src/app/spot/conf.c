/* A shell is not asked: a configuration that is being looked at must not run commands. */
#include "app/spot/conf.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/writer.h"

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

struct reading {
	const char *file;
	unsigned line;
	struct spot_conf *conf;
	void (*odd)(void *context, unsigned line, const char *why);
	void *context;
	const char *at; /* in the line, which ends with a NUL */
	struct writer value;
	bool worked_out; /* the value holds what only a shell can work out */
};

static enum rc wrong(const struct reading *r, struct err *e, const char *why)
{
	return err_set(RC_BAD, e, "%s:%u: %s", r->file, r->line, why);
}

const struct spot_setting *spot_conf_get(const struct spot_conf *c, const char *name)
{
	for (size_t i = c->count; i > 0; i--)
		if (strcmp(c->at[i - 1].name, name) == 0)
			return &c->at[i - 1];
	return NULL;
}

/* "$NAME", "${NAME}": what an earlier line says; as in a shell, nothing when none does. */
static void expand(struct reading *r)
{
	const char *name = r->at + 1;
	bool braces = *name == '{';
	name += braces;
	size_t len = strspn(name, NAME_CHARS);
	if (len == 0 || (braces && name[len] != '}')) {
		r->worked_out |= *name == '(' || braces;
		writer_u8(&r->value, '$');
		r->at++;
		return;
	}
	char *text = mem_text_n(name, len);
	const struct spot_setting *s = spot_conf_get(r->conf, text);
	if (s != NULL)
		writer_text(&r->value, s->value);
	mem_free(&text);
	r->at = name + len + braces;
}

/* r->at stands behind the quote that opens. */
static enum rc read_quoted(struct reading *r, char quote, struct err *e)
{
	while (*r->at != quote) {
		if (*r->at == '\0')
			return wrong(r, e, "a quote is not closed in this line");
		if (quote == '"' && *r->at == '$') {
			expand(r);
			continue;
		}
		if (quote == '"' && *r->at == '\\' && r->at[1] != '\0' && strchr("\"\\$`", r->at[1]) != NULL)
			r->at++;
		else
			r->worked_out |= quote == '"' && *r->at == '`';
		writer_u8(&r->value, (uint8_t)*r->at++);
	}
	r->at++;
	return RC_OK;
}

static enum rc read_value(struct reading *r, struct err *e)
{
	enum rc rc = RC_OK;
	writer_reset(&r->value);
	r->worked_out = false;
	while (rc == RC_OK && *r->at != '\0' && strchr(" \t;", *r->at) == NULL) {
		if (*r->at == '\'' || *r->at == '"') {
			char quote = *r->at++;
			rc = read_quoted(r, quote, e);
		} else if (*r->at == '$') {
			expand(r);
		} else {
			r->worked_out |= *r->at == '`';
			r->at += *r->at == '\\' && r->at[1] != '\0';
			writer_u8(&r->value, (uint8_t)*r->at++);
		}
		if (r->value.failed)
			return err_set(
			    RC_BAD, e, "%s:%u: the value is longer than %d bytes", r->file, r->line, SPOT_VALUE);
	}
	return rc;
}

static void add(struct reading *r, const char *name, size_t len)
{
	struct spot_conf *c = r->conf;
	c->at = mem_resize(c->at, (c->count + 1) * sizeof *c->at);
	c->at[c->count++] = (struct spot_setting){.name = mem_text_n(name, len),
	    .value = mem_text_n((const char *)r->value.bytes, r->value.len),
	    .line = r->line};
}

static enum rc read_line(struct reading *r, struct err *e)
{
	r->at += strspn(r->at, " \t");
	if (*r->at == '\0' || *r->at == '#')
		return RC_OK;
	if (str_starts(r->at, "export "))
		r->at += 7 + strspn(r->at + 7, " \t");
	const char *name = r->at;
	size_t len = strspn(name, NAME_CHARS);
	if (len == 0 || name[len] != '=' || (name[0] >= '0' && name[0] <= '9')) {
		r->odd(r->context, r->line, "is not NAME=VALUE, and was not read");
		return RC_OK;
	}
	if (r->conf->count == SPOT_SETTINGS)
		return wrong(r, e, "more than a thousand settings: this is no spot.conf");
	r->at = name + len + 1;
	enum rc rc = read_value(r, e);
	if (rc != RC_OK)
		return rc;
	size_t blanks = strspn(r->at, " \t;");
	if (r->worked_out)
		r->odd(r->context, r->line, "holds what only a shell can work out, and was not read");
	else if (r->at[blanks] != '\0' && (r->at[blanks] != '#' || blanks == 0))
		r->odd(r->context, r->line, "has more than NAME=VALUE, and was not read");
	else
		add(r, name, len);
	return RC_OK;
}

enum rc spot_conf_read(const char *file, const char *text, size_t size, struct spot_conf *out,
    void (*odd)(void *context, unsigned line, const char *why), void *context, struct err *e)
{
	struct reading r = {.file = file, .conf = out, .odd = odd, .context = context};
	enum rc rc = RC_OK;
	*out = (struct spot_conf){0};
	writer_init(&r.value, SPOT_VALUE);
	for (size_t at = 0; at < size && rc == RC_OK;) {
		const char *newline = memchr(text + at, '\n', size - at);
		size_t len = newline != NULL ? (size_t)(newline - text) - at : size - at;
		r.line++;
		for (size_t i = 0, n; i < len && rc == RC_OK; i += n) {
			n = str_utf8((const uint8_t *)text + at + i, len - i);
			if (n == 0 || text[at + i] == '\0')
				rc = err_set(RC_BAD, e, "%s:%u: byte %zu of the file is no text", file, r.line, at + i);
		}
		if (rc != RC_OK)
			break;
		char *line = mem_text_n(text + at, len > 0 && text[at + len - 1] == '\r' ? len - 1 : len);
		r.at = line;
		rc = read_line(&r, e);
		mem_free(&line);
		at += len + 1;
	}
	writer_fini(&r.value);
	if (rc != RC_OK)
		spot_conf_fini(out);
	return rc;
}

void spot_conf_fini(struct spot_conf *c)
{
	for (size_t i = 0; i < c->count; i++) {
		mem_free(&c->at[i].name);
		mem_free(&c->at[i].value);
	}
	mem_free(&c->at);
	c->count = 0;
}
