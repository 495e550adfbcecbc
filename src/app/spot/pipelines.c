/* The pipelines of ingest_conf.json. One that cannot be said is left out and told of: a guess could archive or delete
 * the wrong files. */
#include "app/spot/work.h"

#include <stdio.h>
#include <string.h>

#include "app/spot/pattern.h"
#include "base/mem.h"
#include "base/str.h"

enum { PIPELINES = 256, NAME_CHARS = 64, WORDS = 64 };

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

struct entry {
	struct spot_work *w;
	const char *spot_name;
	json_t *from;
	char name[NAME_CHARS + 1];
	char watch[SPOT_TEXT];
};

static const struct kind {
	const char *type, *dissector, *meaning;
} kinds[] = {
    {"flow", "nfcapd", "flag shows eight TCP flags; six as Spot's: doc/spot.md"},
    {"dns", "pcap-dns", "options: { compat: tshark } keeps the meaning of tshark's columns: doc/spot.md"},
    {"proxy", "elff", "options: { compat: spot } keeps quotes and -, and goes by position: doc/spot.md"},
};

static void note(const struct entry *n, enum spot_note_kind kind, const char *key, const char *format, ...)
    PRINTF_LIKE(4, 5);

static void note(const struct entry *n, enum spot_note_kind kind, const char *key, const char *format, ...)
{
	char why[SPOT_TEXT];
	va_list list;
	va_start(list, format);
	vsnprintf(why, sizeof why, format, list);
	va_end(list);
	char *shown = mem_format("pipelines.%s%s%s", n->spot_name, key[0] != '\0' ? "." : "", key);
	unsigned line = spot_line(n->w, "pipelines", n->spot_name, key[0] != '\0' ? key : NULL);
	spot_note(n->w->notes, kind, n->w->p->ingest.name, line, shown, "%s", why);
	mem_free(&shown);
}

static bool text_of(const struct entry *n, const char *key, char out[SPOT_TEXT])
{
	out[0] = '\0';
	return spot_scalar(json_object_get(n->from, key), out);
}

/* ---- names ---- */

static bool is_taken(const struct entry *all, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(all[i].name, name) == 0)
			return true;
	return false;
}

/* A name that topics can have, and no other pipeline has. */
static void choose_name(struct entry *all, size_t i)
{
	struct entry *n = &all[i];
	size_t len = strlen(n->spot_name);
	snprintf(n->name, sizeof n->name, "%.*s", NAME_CHARS, len > 0 ? n->spot_name : "pipeline");
	for (char *p = n->name; *p != '\0'; p++)
		if (strchr(PLAIN, *p) == NULL)
			*p = '-';
	for (unsigned again = 2; is_taken(all, i, n->name); again++) {
		char tail[16];
		int size = snprintf(tail, sizeof tail, "-%u", again);
		size_t keep = strlen(n->name) + (size_t)size > NAME_CHARS ? NAME_CHARS - (size_t)size : strlen(n->name);
		snprintf(n->name + keep, sizeof n->name - keep, "%s", tail);
	}
	if (strcmp(n->name, n->spot_name) != 0)
		note(n, SPOT_SHOULD, "", "is called %s: a name has letters, digits, - and _", n->name);
}

/* ---- which files ---- */

static size_t words_of(const struct entry *n, const char *words[WORDS])
{
	size_t count = 0;
	const json_t *list = json_object_get(n->from, "supported_files");
	if (json_is_string(list))
		words[count++] = json_string_value(list);
	for (size_t i = 0; i < json_array_size(list) && count < WORDS; i++) {
		const json_t *word = json_array_get(list, i);
		if (json_is_string(word) && json_string_length(word) > 0)
			words[count++] = json_string_value(word);
		else
			note(n, SPOT_SHOULD, "supported_files", "entry %zu is no text", i + 1);
	}
	if (json_array_size(list) > WORDS)
		note(n, SPOT_SHOULD, "supported_files", "has more than %d names: the others are not taken", WORDS);
	return count;
}

static void put_pattern(const struct entry *n)
{
	const char *words[WORDS];
	char *pattern = NULL;
	bool wider = false;
	struct err e;
	enum rc rc = spot_pattern(words, words_of(n, words), &pattern, &wider, &e);
	if (rc != RC_OK) {
		note(n, SPOT_SHOULD, "supported_files",
		    "%s: the dissector's own pattern is taken, see `sluice config -c FILE`", e.text);
		return;
	}
	writer_format(&n->w->yaml, "    # ingest_conf.json:%u supported_files\n    ",
	    spot_line(n->w, "pipelines", n->spot_name, "supported_files"));
	spot_put(n->w, "pattern", pattern);
	if (wider)
		note(n, SPOT_SHOULD, "supported_files", "pattern: %s takes what Spot took, and more", pattern);
	mem_free(&pattern);
}

/* ---- what the tools were told ---- */

/* The words of a command line as a shell cuts them; quotes are taken off. */
static size_t shell_words(char *text, char *words[WORDS])
{
	size_t count = 0;
	char *from = text;
	while (count < WORDS) {
		from += strspn(from, " \t");
		if (*from == '\0')
			return count;
		char *to = from, quote = '\0';
		words[count++] = from;
		for (; *from != '\0' && (quote != '\0' || strchr(" \t", *from) == NULL); from++) {
			if (quote != '\0' ? *from == quote : *from == '\'' || *from == '"')
				quote = quote != '\0' ? '\0' : *from;
			else
				*to++ = *from;
		}
		from += *from != '\0';
		*to = '\0';
	}
	return count;
}

/* As it would be written here; nfdump's filter is its last argument. */
static void suggest_nfdump(const struct entry *n, char *const *word, size_t words)
{
	struct writer *out = &n->w->yaml;
	writer_text(out, "    # with nfdump, and so with what Spot told it, these two lines in place of dissector:\n"
	                 "    #   dissector: exec\n"
	                 "    #   options: { preset: nfdump, command: [nfdump, -r, \"{}\", -o, csv");
	size_t from = out->len;
	for (size_t i = 0; i < words; i++) {
		writer_text(out, ", ");
		json_quote(out, word[i], strlen(word[i]));
	}
	if (!out->failed)
		spot_flatten(out->bytes + from, out->len - from);
	writer_text(out, "] }\n");
}

/* Spot's ten columns, in the order of its command. */
static bool spot_columns(char *const *word, size_t words)
{
	static const char *const column[] = {"frame.time", "frame.time_epoch", "frame.len", "ip.src", "ip.dst",
	    "dns.resp.name", "dns.resp.type", "dns.resp.class", "dns.flags.rcode", "dns.a"};
	size_t at = 0;
	for (size_t i = 0; i + 1 < words; i++)
		if (strcmp(word[i], "-e") == 0 &&
		    (at == sizeof column / sizeof column[0] || strcmp(word[i + 1], column[at++]) != 0))
			return false;
	return at == sizeof column / sizeof column[0];
}

/* The filter is what is no option and no option's value. */
static bool spot_filter(char *const *word, size_t words)
{
	bool found = false;
	for (size_t i = 0; i < words; i++) {
		if (word[i][0] == '-' && strchr("eETYR", word[i][1]) != NULL && word[i][1] != '\0' &&
		    word[i][2] == '\0')
			i += word[i][1] != 'Y' && word[i][1] != 'R';
		else if (word[i][0] == '-')
			return false;
		else if (found || strcmp(word[i], "dns.flags.response == 1") != 0)
			return false;
		else
			found = true;
	}
	return found;
}

static void put_process(const struct entry *n, const struct kind *k)
{
	char text[SPOT_TEXT], *word[WORDS];
	if (!text_of(n, "process_opt", text)) {
		if (json_object_get(n->from, "process_opt") != NULL)
			note(n, SPOT_SHOULD, "process_opt", "is no text, or longer than %d bytes", SPOT_TEXT);
		return;
	}
	size_t words = shell_words(text, word);
	if (words == 0)
		return;
	if (strcmp(k->type, "flow") == 0) {
		suggest_nfdump(n, word, words);
		note(n, SPOT_SHOULD, "process_opt",
		    "is for nfdump, which is not asked: every flow is stored. Filter when asking, or use nfdump: the "
		    "lines stand in the configuration");
	} else if (strcmp(k->type, "dns") != 0) {
		note(n, SPOT_SHOULD, "process_opt", "is for a tool that is not asked");
	} else if (!spot_columns(word, words)) {
		note(n, SPOT_SHOULD, "process_opt",
		    "has other columns than Spot's own: a table of yours has them (doc/formats/schema.md)");
	} else if (!spot_filter(word, words)) {
		note(n, SPOT_SHOULD, "process_opt", "has options or a filter of yours: every response is a row here");
	}
}

static void put_parser(const struct entry *n, const struct kind *k)
{
	char text[SPOT_TEXT];
	if (text_of(n, "parser", text) && text[0] != '\0' && strcmp(k->type, "proxy") == 0 &&
	    strcmp(text, "bluecoat.py") != 0)
		note(n, SPOT_SHOULD, "parser",
		    "\"%.200s\" is not known here: sluice dissect -t elff shows what elff makes of a log, dissector: "
		    "csv takes other text (doc/datasets.md)",
		    text);
}

/* ---- one pipeline ---- */

static const struct kind *kind_of(const struct entry *n)
{
	char type[SPOT_TEXT];
	if (!json_is_object(n->from)) {
		note(n, SPOT_MUST, "", "is no object: left out");
		return NULL;
	}
	(void)text_of(n, "type", type);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(type, kinds[i].type) == 0)
			return &kinds[i];
	note(n, SPOT_MUST, "type", "\"%.100s\" is neither flow, dns nor proxy: the pipeline is left out", type);
	return NULL;
}

static void put_entry(const struct entry *n, const struct kind *k)
{
	struct writer *out = &n->w->yaml;
	char text[SPOT_TEXT];
	bool deep = text_of(n, "recursive", text) && spot_true(text);
	writer_format(out, "  %s:\n    # ingest_conf.json:%u collector_path\n    ", n->name,
	    spot_line(n->w, "pipelines", n->spot_name, "collector_path"));
	spot_put(n->w, "watch", n->watch);
	writer_format(out, "    # ingest_conf.json:%u type; %s\n    dissector: %s\n    dataset: %s\n",
	    spot_line(n->w, "pipelines", n->spot_name, "type"), k->meaning, k->dissector, k->type);
	put_pattern(n);
	writer_format(out, "    # Spot looked into folders inside only where recursive was set\n    recursive: %s\n",
	    deep ? "yes" : "no");
	writer_text(out, "    # as Spot did, but not before the rows are committed; keep leaves files alone\n"
	                 "    after: delete\n");
	put_process(n, k);
	put_parser(n, k);
}

static void note_same_folder(const struct entry *all, size_t i)
{
	for (size_t n = 0; n < i; n++)
		if (strcmp(all[n].watch, all[i].watch) == 0) {
			note(&all[i], SPOT_SHOULD, "collector_path",
			    "is that of %s too: a file that both patterns match is stored by both", all[n].name);
			return;
		}
}

enum rc spot_pipelines(struct spot_work *w, struct err *e)
{
	json_t *object = json_object_get(w->root, "pipelines"), *from;
	const char *key;
	size_t count = 0;
	if (!json_is_object(object) || json_object_size(object) == 0)
		return err_set(RC_BAD, e, "%s:%u: \"pipelines\" names none", w->p->ingest.name,
		    spot_line(w, "pipelines", NULL, NULL));
	if (json_object_size(object) > PIPELINES)
		return err_set(RC_BAD, e, "%s:%u: more than %d pipelines", w->p->ingest.name,
		    spot_line(w, "pipelines", NULL, NULL), PIPELINES);
	struct entry *all = mem_zero(PIPELINES, sizeof *all);
	json_object_foreach(object, key, from)
	{
		struct entry *n = &all[count];
		*n = (struct entry){.w = w, .spot_name = key, .from = from};
		const struct kind *k = kind_of(n);
		if (k == NULL)
			continue;
		if (!text_of(n, "collector_path", n->watch) || n->watch[0] != '/') {
			note(n, SPOT_MUST, "collector_path",
			    "\"%.200s\" is no absolute folder: the pipeline is left out", n->watch);
			continue;
		}
		choose_name(all, count);
		note_same_folder(all, count);
		put_entry(n, k);
		count++;
	}
	mem_free(&all);
	return count > 0 ? RC_OK : err_set(RC_BAD, e, "%s: no pipeline could be carried over", w->p->ingest.name);
}
