/*
 * Repetition of anything but "." is widened to "*": the shell has a pattern for it, +(x), that a hostile file name can
 * keep busy for ever.
 */
#include "app/spot/pattern.h"

#include <string.h>

#include "base/mem.h"
#include "base/writer.h"

enum { REPEATS = 64 };

struct making {
	struct writer out;
	size_t alternatives;
	bool wider;
};

/* In brackets, because within @(...) the C library takes no backslash. "!", "@" and "+" mean something before "(" only.
 */
static void literal(struct writer *w, char c)
{
	if (c == '\\')
		writer_text(w, "[\\\\]");
	else if (strchr("*?[()|", c) != NULL)
		writer_format(w, "[%c]", c);
	else
		writer_u8(w, (uint8_t)c);
}

static void begin_alternative(struct making *m)
{
	if (m->alternatives++ > 0)
		writer_u8(&m->out, '|');
}

/* ---- a beginning or an end ---- */

static void put_word(struct making *m, const char *word, bool begins)
{
	begin_alternative(m);
	if (!begins)
		writer_u8(&m->out, '*');
	for (const char *p = word; *p != '\0'; p++)
		literal(&m->out, *p);
	if (begins)
		writer_u8(&m->out, '*');
}

/* ".pcap" is an end and "nfcapd." a beginning: names with a dot in front are not taken, and no tool puts one behind. */
static void put_affix(struct making *m, const char *word)
{
	size_t len = strlen(word);
	if (word[0] != '.')
		put_word(m, word, true);
	if (len == 0 || word[len - 1] != '.')
		put_word(m, word, false);
}

/* ---- a regular expression ---- */

struct atom {
	const char *at;
	size_t len; /* in the expression */
	bool any;   /* "." */
};

/* One character's worth: false when it is more than that. */
static bool read_atom(const char *p, struct atom *out)
{
	*out = (struct atom){.at = p, .len = 1, .any = *p == '.'};
	if (*p == '\\') {
		out->len = 2;
		return p[1] == 'd' || (p[1] != '\0' && strchr("wWsSDbBAZ0123456789", p[1]) == NULL);
	}
	if (*p == '[') {
		const char *end = p[1] == '\0' ? NULL : strchr(p + 2, ']');
		if (end == NULL || memchr(p, '\\', (size_t)(end - p)) != NULL ||
		    memchr(p + 1, '[', (size_t)(end - p - 1)) != NULL)
			return false;
		out->len = (size_t)(end - p) + 1;
		return true;
	}
	return strchr("(){}*+?^$|]", *p) == NULL;
}

static void put_atom(struct writer *w, const struct atom *a)
{
	if (a->any)
		writer_u8(w, '?');
	else if (a->at[0] == '\\' && a->at[1] == 'd')
		writer_text(w, "[0-9]");
	else if (a->at[0] == '\\')
		literal(w, a->at[1]);
	else if (a->at[0] == '[')
		writer_format(w, "[%s%.*s", a->at[1] == '^' ? "!" : "", (int)a->len - 1 - (a->at[1] == '^'),
		    a->at + 1 + (a->at[1] == '^'));
	else
		literal(w, a->at[0]);
}

/* "{14}", "{2,}", "{2,5}": how often at least, and whether more is allowed. */
static bool read_count(const char **p, unsigned *least, bool *more)
{
	unsigned n = 0;
	const char *q = *p + 1;
	if (*q < '0' || *q > '9')
		return false;
	for (; *q >= '0' && *q <= '9'; q++)
		if ((n = n * 10 + (unsigned)(*q - '0')) > REPEATS)
			return false;
	*more = *q == ',';
	if (*more)
		q += 1 + strspn(q + 1, "0123456789");
	if (*q != '}')
		return false;
	*least = n;
	*p = q + 1;
	return true;
}

/* One alternative: up to its "|" or its end. */
static bool put_branch(struct making *m, const char **from)
{
	struct writer *w = &m->out;
	const char *p = *from;
	begin_alternative(m);
	if (*p == '^')
		p++;
	else
		writer_u8(w, '*');
	while (*p != '\0' && *p != '|') {
		struct atom a;
		unsigned least = 1;
		bool more = false;
		if (*p == '$' && (p[1] == '\0' || p[1] == '|')) {
			*from = p + 1;
			return true;
		}
		if (!read_atom(p, &a))
			return false;
		p += a.len;
		if (*p == '*' || *p == '?') {
			least = 0;
			more = true;
			m->wider |= *p == '?' || !a.any;
			p++;
		} else if (*p == '+') {
			more = true;
			m->wider |= !a.any;
			p++;
		} else if (*p == '{') {
			if (!read_count(&p, &least, &more))
				return false;
			m->wider |= more && !a.any;
		}
		for (unsigned i = 0; i < least; i++)
			put_atom(w, &a);
		if (more)
			writer_u8(w, '*');
	}
	writer_u8(w, '*');
	*from = p;
	return true;
}

static bool put_expression(struct making *m, const char *p)
{
	while (true) {
		if (!put_branch(m, &p))
			return false;
		if (*p != '|')
			return true;
		p++;
	}
}

/* ---- all of them ---- */

enum rc spot_pattern(const char *const *word, size_t words, char **out, bool *wider, struct err *e)
{
	struct making m = {.alternatives = 0};
	enum rc rc = RC_OK;
	writer_init(&m.out, SPOT_PATTERN);
	for (size_t i = 0; i < words && rc == RC_OK; i++) {
		if (strpbrk(word[i], "*+?[](){}|^$\\") == NULL)
			put_affix(&m, word[i]);
		else if (!put_expression(&m, word[i]))
			rc = err_set(RC_BAD, e, "no shell pattern says \"%.200s\"", word[i]);
	}
	if (rc == RC_OK && m.out.failed)
		rc = err_set(RC_BAD, e, "the pattern is longer than %d bytes", SPOT_PATTERN);
	if (rc == RC_OK && m.alternatives == 0)
		rc = err_set(RC_BAD, e, "no name is given");
	if (rc == RC_OK) {
		int len = (int)m.out.len;
		const char *text = (const char *)m.out.bytes;
		*out = m.alternatives == 1 ? mem_format("%.*s", len, text) : mem_format("@(%.*s)", len, text);
		*wider = m.wider;
	}
	writer_fini(&m.out);
	return rc;
}
