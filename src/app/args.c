/* getopt_long can name neither the nearest option nor print its own help; this table does both. */
#include "app/args.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "app/nearest.h"
#include "app/term.h"
#include "base/mem.h"

enum { CHOICES = 200, HELP_WIDTH = 100 };

const struct option args_help_option = {"help", 'h', NULL, "print this and exit"};

static const struct option *by_name(const struct command *c, const char *name, size_t len)
{
	for (const struct option *o = c->option; o->name != NULL; o++)
		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	return NULL;
}

static const struct option *by_letter(const struct command *c, char letter)
{
	for (const struct option *o = c->option; o->name != NULL; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

/* "--format: text or json, not "jsno" (did you mean "json"?)" */
static enum rc not_a_choice(const struct option *o, const char *value, struct err *e)
{
	char words[CHOICES], list[2 * CHOICES] = "", hint[NEAREST_HINT], typed[44];
	char *rest = NULL;
	snprintf(words, sizeof words, "%s", o->choices);
	snprintf(typed, sizeof typed, "%.40s", value);
	struct nearest n = nearest_to(typed);
	for (char *word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		size_t len = strlen(list);
		nearest_offer(&n, word);
		snprintf(list + len, sizeof list - len, "%s%s", len == 0 ? "" : *rest == '\0' ? " or " : ", ", word);
	}
	return err_set(RC_BAD, e, "--%s: %s, not \"%s\"%s", o->name, list, typed, nearest_hint(&n, hint));
}

static bool is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);
	for (const char *p = choices; *p != '\0'; p += strspn(p, " ")) {
		size_t word = strcspn(p, " ");
		if (word == len && memcmp(p, value, len) == 0)
			return true;
		p += word;
	}
	return false;
}

static enum rc add(struct args *a, const struct option *o, const char *value, struct err *e)
{
	if (o->choices != NULL && !is_choice(o->choices, value))
		return not_a_choice(o, value, e);
	a->set[a->sets++] = (struct args_set){o, value};
	return RC_OK;
}

static enum rc unknown_long(const struct command *c, const char *text, size_t len, struct err *e)
{
	char typed[64], hint[NEAREST_HINT];
	snprintf(typed, sizeof typed, "%.*s", (int)(len < 60 ? len : 60), text);
	struct nearest n = nearest_to(typed);
	for (const struct option *o = c->option; o->name != NULL; o++)
		if (o->help != NULL)
			nearest_offer(&n, o->name);
	nearest_offer(&n, "help");
	if (n.best == NULL)
		return err_set(RC_BAD, e, "unknown option --%s", typed);
	snprintf(hint, sizeof hint, "--%s", n.best);
	return err_set(RC_BAD, e, "unknown option --%s (did you mean %s?)", typed, hint);
}

/* One word that begins with "--". *at is its place in argv; a value may be taken from the next one. */
static enum rc parse_long(struct args *a, int argc, char **argv, int *at, struct err *e)
{
	const char *text = argv[*at] + 2;
	size_t len = strcspn(text, "=");
	if (len == 4 && memcmp(text, "help", 4) == 0)
		return RC_END;
	const struct option *o = by_name(a->command, text, len);
	if (o == NULL)
		return unknown_long(a->command, text, len, e);
	if (o->value == NULL) {
		if (text[len] == '=')
			return err_set(RC_BAD, e, "option --%s takes no value", o->name);
		return add(a, o, "", e);
	}
	if (text[len] == '=')
		return add(a, o, text + len + 1, e);
	if (*at + 1 >= argc)
		return err_set(RC_BAD, e, "option --%s wants a value: --%s %s", o->name, o->name, o->value);
	return add(a, o, argv[++*at], e);
}

static enum rc parse_letters(struct args *a, int argc, char **argv, int *at, struct err *e)
{
	for (const char *p = argv[*at] + 1; *p != '\0'; p++) {
		const struct option *o = by_letter(a->command, *p);
		if (o == NULL && *p == 'h')
			return RC_END;
		if (o == NULL)
			return err_set(RC_BAD, e, "unknown option -%c", *p);
		if (o->value == NULL) {
			enum rc rc = add(a, o, "", e);
			if (rc != RC_OK)
				return rc;
			continue;
		}
		if (p[1] == '\0' && *at + 1 >= argc)
			return err_set(RC_BAD, e, "option -%c wants a value: -%c %s", *p, *p, o->value);
		return add(a, o, p[1] != '\0' ? p + 1 : argv[++*at], e);
	}
	return RC_OK;
}

enum rc args_parse(const struct command *c, int argc, char **argv, struct args *out, struct err *e)
{
	/* A word of n letters sets at most n options. */
	size_t most = 1;
	for (int i = 1; i < argc; i++)
		most += strlen(argv[i]) + 1;
	struct args a = {.command = c};
	a.set = mem_zero(most, sizeof *a.set);
	a.word = mem_zero((size_t)argc + 1, sizeof *a.word);
	enum rc rc = RC_OK;
	bool only_words = false;
	for (int i = 1; i < argc && rc == RC_OK; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0)
			only_words = true;
		else if (!only_words && strncmp(argv[i], "--", 2) == 0)
			rc = parse_long(&a, argc, argv, &i, e);
		else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0')
			rc = parse_letters(&a, argc, argv, &i, e);
		else
			a.word[a.words++] = argv[i];
	}
	if (rc == RC_OK && a.words > 0 && c->words == WORDS_NONE)
		rc = err_set(RC_BAD, e, "unexpected word \"%.200s\"", a.word[0]);
	if (rc == RC_OK)
		*out = a;
	else
		args_fini(&a);
	return rc;
}

void args_fini(struct args *a)
{
	mem_free(&a->set);
	mem_free(&a->word);
}

bool args_has(const struct args *a, const char *name)
{
	return args_text(a, name, NULL) != NULL;
}

const char *args_text(const struct args *a, const char *name, const char *otherwise)
{
	assert(by_name(a->command, name, strlen(name)) != NULL);
	for (size_t i = a->sets; i > 0; i--)
		if (strcmp(a->set[i - 1].option->name, name) == 0)
			return a->set[i - 1].value;
	return otherwise;
}

static int option_text(const struct option *o, char *out, size_t size)
{
	char letter[8] = "    ";
	if (o->letter != 0)
		snprintf(letter, sizeof letter, "-%c, ", o->letter);
	return snprintf(
	    out, size, "%s--%s%s%s", letter, o->name, o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
}

static void show_option(const struct option *o, int widest, unsigned width)
{
	char text[96];
	option_text(o, text, sizeof text);
	printf("  %-*s  ", widest, text);
	term_wrap(o->help, (unsigned)widest + 4, width);
}

void args_help(const struct command *c)
{
	struct term t = term_of(1);
	unsigned width = term_width(1);
	char text[96];
	int widest = option_text(&args_help_option, text, sizeof text);
	width = width < HELP_WIDTH ? width : HELP_WIDTH;
	for (const struct option *o = c->option; o->name != NULL; o++) {
		if (o->help == NULL)
			continue;
		int len = option_text(o, text, sizeof text);
		widest = len > widest ? len : widest;
	}
	printf("%susage:%s sluice %s%s%s\n\n%s.\n", t.bold, t.off, c->name, c->synopsis[0] != '\0' ? " " : "",
	    c->synopsis, c->summary);
	if (c->details != NULL) {
		printf("\n");
		term_wrap(c->details, 0, width);
	}
	printf("\n%sOptions%s\n", t.bold, t.off);
	for (const struct option *o = c->option; o->name != NULL; o++)
		if (o->help != NULL)
			show_option(o, widest, width);
	show_option(&args_help_option, widest, width);
}
