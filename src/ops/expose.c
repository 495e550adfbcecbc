/* The format is lines; the only care it needs is for what stands between the quotes. */
#include "ops/expose.h"

#include <inttypes.h>
#include <string.h>

/* A label's value: backslash, quote and line feed escaped; bytes that are no text were escaped before (str_escape). */
static void put_escaped(struct writer *w, const char *text, bool quotes)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\n')
			writer_text(w, "\\n");
		else if (*p == '\\' || (quotes && *p == '"'))
			writer_format(w, "\\%c", *p);
		else
			writer_put(w, p, 1);
	}
}

void expose_family(struct writer *w, const char *name, const char *kind, const char *help)
{
	writer_format(w, "# HELP %s ", name);
	put_escaped(w, help, false);
	writer_format(w, "\n# TYPE %s %s\n", name, kind);
}

static void begin(struct writer *w, const char *name, const struct expose_label *label, unsigned labels)
{
	writer_text(w, name);
	for (unsigned i = 0; i < labels; i++) {
		writer_format(w, "%s%s=\"", i == 0 ? "{" : ",", label[i].name);
		put_escaped(w, label[i].value, true);
		writer_text(w, "\"");
	}
	writer_text(w, labels > 0 ? "} " : " ");
}

void expose_count(struct writer *w, const char *name, const struct expose_label *label, unsigned labels, uint64_t value)
{
	begin(w, name, label, labels);
	writer_format(w, "%" PRIu64 "\n", value);
}

void expose_seconds(struct writer *w, const char *name, const struct expose_label *label, unsigned labels, int64_t ms)
{
	begin(w, name, label, labels);
	writer_format(w, "%s%" PRId64 ".%03d\n", ms < 0 ? "-" : "", ms < 0 ? -(ms / 1000) : ms / 1000,
	    (int)(ms < 0 ? -(ms % 1000) : ms % 1000));
}
