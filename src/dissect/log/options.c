/* One table of keys; a word that is none of its values is answered with the nearest one. */
#include "dissect/log/options.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dissect/log/when.h"
#include "dissect/option.h"

enum { LINE_DEFAULT = 64 << 10, LINE_LEAST = 256, LINE_MOST = BATCH_ROW_BYTES };

static const char *const key_name[] = {
    "format", "fields", "zone", "compat", "fulluri", "dash", "quotes", "xff", "max_line", NULL};

static enum rc flag(const struct dissect_option *o, const char *no, const char *yes, bool *out, struct err *e)
{
	int which = 0;
	enum rc rc = option_choice(o->key, o->value, (const char *const[]){no, yes, NULL}, &which, e);
	if (rc == RC_OK)
		*out = which == 1;
	return rc;
}

static enum rc add_fields(struct log_options *o, const char *names)
{
	char *list = mem_format("%s%s%s", o->fields != NULL ? o->fields : "", o->fields != NULL ? " " : "", names);
	for (char *p = list; *p != '\0'; p++)
		if (*p == ',')
			*p = ' ';
	mem_free(&o->fields);
	o->fields = list;
	return RC_OK;
}

static enum rc read_zone(struct log_options *o, const char *text, struct err *e)
{
	if (!when_zone(value_text(text), &o->zone_s))
		return err_set(RC_BAD, e, "zone: \"%.60s\" is neither \"UTC\" nor an offset like \"+0100\"", text);
	o->zoned = true;
	return RC_OK;
}

static enum rc read_max_line(struct log_options *o, const char *text, struct err *e)
{
	uint64_t bytes = 0;
	enum rc rc = str_size(text, &bytes, e);
	if (rc != RC_OK)
		return err_wrap(rc, e, "max_line");
	if (bytes < LINE_LEAST || bytes > LINE_MOST)
		return err_set(RC_BAD, e, "max_line: \"%.60s\" is not from 256 B to 256 KiB", text);
	o->max_line = (size_t)bytes;
	return RC_OK;
}

static enum rc read_one(struct log_options *o, const struct dissect_option *option, struct err *e)
{
	static const char *const formats[] = {"auto", "elff", "squid", "common", "combined", NULL};
	unsigned key = 0;
	int which = 0;
	enum rc rc;
	while (key_name[key] != NULL && strcmp(key_name[key], option->key) != 0)
		key++;
	switch (key) {
	case 0:
		rc = option_choice(option->key, option->value, formats, &which, e);
		o->format = (enum log_format)which;
		return rc;
	case 1:
		return add_fields(o, option->value);
	case 2:
		return read_zone(o, option->value, e);
	case 3:
		rc = option_choice(option->key, option->value, (const char *const[]){"spot", NULL}, &which, e);
		o->spot = rc == RC_OK;
		return rc;
	case 4:
		return flag(option, "spot", "url", &o->full_url, e);
	case 5:
		return flag(option, "null", "keep", &o->dash_kept, e);
	case 6:
		return flag(option, "strip", "keep", &o->quotes_kept, e);
	case 7:
		return flag(option, "no", "yes", &o->forwarded, e);
	case 8:
		return read_max_line(o, option->value, e);
	default:
		return option_unknown(option->key, key_name, e);
	}
}

enum rc options_read(const struct dissect_params *params, struct log_options *out, struct err *e)
{
	enum rc rc = RC_OK;
	*out = (struct log_options){.max_line = LINE_DEFAULT};
	for (size_t i = 0; i < params->options && rc == RC_OK; i++)
		rc = read_one(out, &params->option[i], e);
	if (out->spot)
		out->dash_kept = out->quotes_kept = true;
	return rc;
}

void options_fini(struct log_options *o)
{
	mem_free(&o->fields);
}
