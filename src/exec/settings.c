/* Keys of exec are few; every other one is for csv, which reads what the command prints. */
#include "exec/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dissect/csv/options.h"
#include "dissect/option.h"

enum { TIMEOUT_MS = 10 * 60 * 1000, TIMEOUT_LEAST_MS = 100 };

#define MEMORY_DEFAULT (UINT64_C(4) << 30)
#define OUTPUT_DEFAULT (UINT64_C(4) << 30)
#define SIZE_LEAST     (UINT64_C(64) << 10)
#define SIZE_MOST      (UINT64_C(1) << 40)
#define TIMEOUT_MOST   (INT64_C(24) * 3600 * 1000)

static enum rc read_argument(struct exec_settings *s, const char *value, struct err *e)
{
	if (s->arguments == EXEC_ARGUMENTS)
		return err_set(RC_BAD, e, "at most %d arguments", EXEC_ARGUMENTS);
	if (s->arguments == 0 && value[0] == '\0')
		return err_set(RC_BAD, e, "wants a program");
	if (strcmp(value, "{}") == 0) {
		s->by_path = true;
		value = CHILD_INPUT_PATH;
	}
	s->argument[s->arguments++] = value;
	return RC_OK;
}

static enum rc read_preset(struct exec_settings *s, const char *value, struct err *e)
{
	char known[100] = "";
	s->preset = preset_find(value);
	for (size_t i = 0; preset_at(i) != NULL; i++)
		snprintf(
		    known + strlen(known), sizeof known - strlen(known), "%s%s", i > 0 ? ", " : "", preset_at(i)->name);
	return s->preset != NULL ? RC_OK : err_set(RC_BAD, e, "unknown \"%.60s\"; there are: %s", value, known);
}

static enum rc read_timeout(struct exec_settings *s, const char *value, struct err *e)
{
	enum rc rc = str_duration(value, &s->limits.timeout_ms, e);
	if (rc == RC_OK && (s->limits.timeout_ms < TIMEOUT_LEAST_MS || s->limits.timeout_ms > TIMEOUT_MOST))
		rc = err_set(RC_BAD, e, "\"%.40s\" is out of range 100ms to 24h", value);
	return rc;
}

static enum rc read_size(const char *value, uint64_t *out, struct err *e)
{
	enum rc rc = str_size(value, out, e);
	if (rc == RC_OK && (*out < SIZE_LEAST || *out > SIZE_MOST))
		rc = err_set(RC_BAD, e, "\"%.40s\" is out of range 64KiB to 1TiB", value);
	return rc;
}

static enum rc read_memory(struct exec_settings *s, const char *value, struct err *e)
{
	return read_size(value, &s->limits.memory_bytes, e);
}

static enum rc read_output(struct exec_settings *s, const char *value, struct err *e)
{
	return read_size(value, &s->limits.output_bytes, e);
}

static const struct own {
	const char *key;
	bool many;
	enum rc (*read)(struct exec_settings *s, const char *value, struct err *e);
} own[] = {
    {"command", true, read_argument},
    {"preset", false, read_preset},
    {"timeout", false, read_timeout},
    {"memory", false, read_memory},
    {"output", false, read_output},
};
enum { OWN = sizeof own / sizeof own[0] };

static const struct own *find(const char *key)
{
	for (size_t i = 0; i < OWN; i++)
		if (strcmp(own[i].key, key) == 0)
			return &own[i];
	return NULL;
}

static const char *next_key(const void *context, size_t i)
{
	return i < OWN ? own[i].key : csv_option_key(i - OWN);
}

static bool given(const struct dissect_params *params, const char *key)
{
	for (size_t i = 0; i < params->options; i++)
		if (strcmp(params->option[i].key, key) == 0)
			return true;
	return false;
}

/* Is this a mapping of a field that the table does not ask for? A preset has one for all that its tool prints. */
static bool unwanted(const struct dissect_params *params, const char *key)
{
	if (!str_starts(key, "column."))
		return false;
	for (size_t i = 0; i < params->wants; i++)
		if (strcmp(params->field[params->wanted[i]].name, key + strlen("column.")) == 0)
			return false;
	return true;
}

static enum rc read_one(struct exec_settings *s, const struct dissect_params *params, size_t i, struct err *e)
{
	const struct dissect_option *o = &params->option[i];
	const struct own *k = find(o->key);
	char hint[OPTION_HINT];
	if (k == NULL && csv_option_known(o->key)) {
		s->option[s->options++] = *o;
		return RC_OK;
	}
	if (k == NULL)
		return err_set(
		    RC_BAD, e, "unknown option \"%.100s\"%s", o->key, option_hint(o->key, next_key, NULL, hint));
	for (size_t n = 0; n < i && !k->many; n++)
		if (strcmp(params->option[n].key, o->key) == 0)
			return err_set(RC_BAD, e, "%s: is given twice", o->key);
	enum rc rc = k->read(s, o->value, e);
	return rc == RC_OK ? rc : err_wrap(rc, e, "%s", o->key);
}

/* What the user says stands before what the preset says, key by key. */
static enum rc add_preset(struct exec_settings *s, const struct dissect_params *params, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; i < s->preset->options; i++) {
		const struct dissect_option *o = &s->preset->option[i];
		if (!given(params, o->key) && !unwanted(params, o->key))
			s->option[s->options++] = *o;
	}
	for (size_t i = 0; s->preset->command[i] != NULL && rc == RC_OK && !given(params, "command"); i++)
		rc = read_argument(s, s->preset->command[i], e);
	return rc;
}

enum rc exec_settings_read(const struct dissect_params *params, struct exec_settings *out, struct err *e)
{
	size_t most = 0;
	for (size_t i = 0; preset_at(i) != NULL; i++)
		most = preset_at(i)->options > most ? preset_at(i)->options : most;
	*out = (struct exec_settings){.limits = {TIMEOUT_MS, MEMORY_DEFAULT, OUTPUT_DEFAULT}};
	out->option = mem_zero(params->options + most, sizeof *out->option);
	enum rc rc = RC_OK;
	for (size_t i = 0; i < params->options && rc == RC_OK; i++)
		rc = read_one(out, params, i, e);
	if (rc == RC_OK && out->preset != NULL)
		rc = add_preset(out, params, e);
	if (rc == RC_OK && out->arguments == 0)
		rc = err_set(RC_BAD, e, "command: which one? A list of program and arguments, or preset: nfdump");
	if (rc != RC_OK)
		exec_settings_fini(out);
	return rc;
}

void exec_settings_fini(struct exec_settings *s)
{
	mem_free(&s->option);
	s->options = 0;
}
