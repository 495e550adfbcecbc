/*
 * keys: the table of configuration keys: one row = name, kind, range, default, sentence. The parser, `sluice config`,
 * doc/configuration.md and the manual page come from it.
 *
 * Names are dotted: a file may write `commit: { max_age: 10s }` or `commit.max_age: 10s`.
 */
#ifndef APP_KEYS_H
#define APP_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/writer.h"

enum key_kind {
	KEY_TEXT,     /* char * */
	KEY_NUMBER,   /* unsigned */
	KEY_NUMBERS,  /* struct number_list: a list of them */
	KEY_SIZE,     /* uint64_t, bytes */
	KEY_DURATION, /* int64_t, milliseconds */
	KEY_FLAG,     /* bool: yes, no */
	KEY_CHOICE,   /* unsigned: place in the list of choices */
	KEY_MAP,      /* names and values of a provider, kept as they are */
};

enum key_scope { KEY_GLOBAL, KEY_PIPELINE };

struct config_key {
	enum key_scope scope;
	const char *name;
	enum key_kind kind;
	const char *choices;   /* KEY_CHOICE: separated by blanks */
	int64_t least, most;   /* KEY_NUMBER(S), KEY_SIZE, KEY_DURATION */
	const char *fallback;  /* the default as one writes it; NULL: see otherwise */
	const char *otherwise; /* where the value comes from when there is no fallback; NULL: it must be given */
	size_t offset;         /* in struct config or struct pipeline */
	const char *help;      /* one sentence */
};

extern const struct config_key key_table[];
extern const size_t key_count;

/* The row of that name, or NULL. */
const struct config_key *key_find(enum key_scope scope, const char *name);
/* Is name the first part of some key's name ("commit" of "commit.max_age")? */
bool key_is_group(enum key_scope scope, const char *name);

/* " (did you mean \"commit.max_age\"?)" or "". */
void key_hint(enum key_scope scope, const char *name, char *out, size_t size);

/* Read text into base + key->offset. RC_BAD: the reason, without file and key. KEY_TEXT is copied; what was there is
 * freed. KEY_NUMBERS gets one more. */
enum rc key_read(const struct config_key *key, const char *text, void *base, struct err *e) MUST_USE;

/* And back: the value in effect as one would write it. */
void key_show(const struct config_key *key, const void *base, char *out, size_t size);

const char *key_kind_name(const struct config_key *key);
/* "64 KiB .. 1 GiB", "snappy, zstd, gzip, none", or "". */
void key_range(const struct config_key *key, char *out, size_t size);

/* What is to be said about the file as a whole: the smallest one, sentences (NULL after the last), and one about
 * pipelines. `Code` stands in backquotes. */
extern const char key_smallest[];
extern const char *const key_rules[];
extern const char key_pipelines[];

/* doc/configuration.md. */
void key_markdown(struct writer *out);

#endif
