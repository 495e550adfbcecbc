/* What begins a line, what a backslash or a hyphen means, how long a line may be: known here only, so that no sentence
 * of the tables can become a macro. */
#include "app/roff.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 76, WORD = 512 };

/* One character, however many bytes. Returns how many. A hyphen is written so that it can be copied as one. */
static size_t put_char(struct writer *out, const char *p)
{
	unsigned char c = (unsigned char)*p;
	if (c == '\\' || c == '-') {
		writer_text(out, c == '-' ? "\\-" : "\\e");
		return 1;
	}
	/* Quotes of every kind as they were written. */
	if (c == '\'' || c == '`' || c == '^' || c == '~') {
		writer_text(out, c == '\'' ? "\\(aq" : c == '`' ? "\\(ga" : c == '^' ? "\\(ha" : "\\(ti");
		return 1;
	}
	if (c < 0x80) {
		writer_u8(out, c);
		return 1;
	}
	unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1, code = c & (0x3fu >> more);
	for (unsigned i = 1; i <= more; i++)
		code = code << 6 | ((unsigned char)p[i] & 0x3f);
	writer_format(out, "\\[u%04X]", code);
	return more + 1;
}

void roff_plain(struct writer *out, const char *text)
{
	while (*text != '\0')
		text += put_char(out, text);
}

void roff_bold(struct writer *out, const char *text)
{
	writer_text(out, "\\fB");
	roff_plain(out, text);
	writer_text(out, "\\fP");
}

void roff_italic(struct writer *out, const char *text)
{
	writer_text(out, "\\fI");
	roff_plain(out, text);
	writer_text(out, "\\fP");
}

void roff_title(struct writer *out, const char *name, int section)
{
	writer_text(out, ".TH ");
	for (; *name != '\0'; name++) {
		char upper[5] = {(char)toupper((unsigned char)*name)};
		put_char(out, upper);
	}
	/* Ragged on the right: terminals are narrow, and lines are not to be filled with blanks. */
	writer_format(out, " %d %s \"sluice %s\" \"sluice manual\"\n.ad l\n", section, SLUICE_DATE, SLUICE_VERSION);
}

void roff_section(struct writer *out, const char *title)
{
	writer_format(out, ".SH \"%s\"\n", title);
}

void roff_subsection(struct writer *out, const char *title)
{
	writer_text(out, ".SS \"");
	roff_plain(out, title);
	writer_text(out, "\"\n");
}

static bool in_option(char c)
{
	return isalnum((unsigned char)c) || c == '-';
}

/* "-c", "--dry-run": its length when an option begins here, else 0. */
static size_t option_length(const char *p)
{
	size_t n = 0;
	if (p[0] != '-' || !(isalpha((unsigned char)p[1]) || (p[1] == '-' && isalpha((unsigned char)p[2]))))
		return 0;
	while (in_option(p[n]))
		n++;
	return n;
}

/* "FILE", "ROW-FILE", "SHA256": its length when such a word begins here, else 0. */
static size_t capitals_length(const char *p)
{
	size_t n = 0;
	while (isupper((unsigned char)p[n]) || isdigit((unsigned char)p[n]) || (n > 0 && (p[n] == '-' || p[n] == '_')))
		n++;
	return n >= 2 && isupper((unsigned char)p[0]) && !islower((unsigned char)p[n]) ? n : 0;
}

static void put_n(struct writer *out, const char *font, const char *p, size_t n)
{
	char word[WORD];
	snprintf(word, sizeof word, "%.*s", (int)n, p);
	writer_text(out, font);
	roff_plain(out, word);
	writer_text(out, "\\fP");
}

void roff_synopsis(struct writer *out, const char *text)
{
	char before = ' ';
	size_t begun = out->len;
	for (const char *p = text; *p != '\0';) {
		size_t bold = in_option(before) ? 0 : option_length(p);
		size_t italic = in_option(before) ? 0 : capitals_length(p);
		if (bold > 0)
			put_n(out, "\\fB", p, bold);
		else if (italic > 0)
			put_n(out, "\\fI", p, italic);
		size_t n = bold + italic > 0 ? bold + italic : 1;
		if (bold + italic == 0 && *p == ' ' && out->len - begun > LINE / 2) {
			writer_text(out, "\n");
			begun = out->len;
		} else if (bold + italic == 0) {
			n = put_char(out, p);
		}
		before = p[n - 1];
		p += n;
	}
	writer_text(out, "\n");
}

/* Does a sentence end with this word? */
static bool ends_sentence(const char *word, size_t n)
{
	while (n > 0 && strchr(")\"'`", word[n - 1]) != NULL)
		n--;
	return n > 1 && strchr(".!?", word[n - 1]) != NULL &&
	       (isalnum((unsigned char)word[n - 2]) || word[n - 2] == ')');
}

/* One word of running text; *code: inside of backquotes. */
static void put_word(struct writer *out, const char *p, size_t n, bool *code)
{
	size_t option = *code ? 0 : option_length(p);
	/* Names are not to be hyphenated. */
	if (*code || strcspn(p, "`._/:=") + 1 < n)
		writer_text(out, "\\%");
	if (option > 0 && option <= n) {
		put_n(out, "\\fB", p, option);
		p += option;
		n -= option;
	}
	for (const char *end = p + n; p < end;) {
		if (*p == '`') {
			writer_text(out, *code ? "\\fP" : "\\fB");
			*code = !*code;
			p++;
		} else {
			p += put_char(out, p);
		}
	}
}

static const char *put_paragraph(struct writer *out, const char *p)
{
	size_t at = 0;
	bool code = false;
	while (*p != '\0' && *p != '\n') {
		size_t n = strcspn(p, " \n");
		if (at > 0 && at + 1 + n > LINE) {
			writer_text(out, "\n");
			at = 0;
		} else if (at > 0) {
			writer_text(out, " ");
			at++;
		}
		/* At the start of a line it would be a macro. */
		if (at == 0 && (*p == '.' || *p == '\''))
			writer_text(out, "\\&");
		size_t before = out->len;
		put_word(out, p, n, &code);
		at += out->len - before;
		if (ends_sentence(p, n)) {
			writer_text(out, "\n");
			at = 0;
		}
		p += n;
		p += strspn(p, " ");
	}
	if (at > 0)
		writer_text(out, "\n");
	return *p == '\n' ? p + 1 : p;
}

void roff_text(struct writer *out, const char *text, const char *between)
{
	for (const char *p = text; *p != '\0';) {
		if (p != text)
			writer_format(out, "%s\n", between);
		p = put_paragraph(out, p);
	}
}

void roff_example(struct writer *out, const char *text)
{
	writer_text(out, ".in +4n\n.EX\n");
	for (bool begins = true; *text != '\0';) {
		if (begins && (*text == '.' || *text == '\''))
			writer_text(out, "\\&");
		begins = *text == '\n';
		text += put_char(out, text);
	}
	writer_text(out, ".EE\n.in\n");
}
