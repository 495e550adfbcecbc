/*
 * roff: plain sentences into the source of a manual page (man macros), which both groff and mandoc take without a
 * complaint.
 *
 * Thread  one owner
 */
#ifndef APP_ROFF_H
#define APP_ROFF_H

#include <stdbool.h>

#include "base/writer.h"

/* .TH: name in capitals, section, date and version of the program. */
void roff_title(struct writer *out, const char *name, int section);

/* .SH or .SS */
void roff_section(struct writer *out, const char *title);
void roff_subsection(struct writer *out, const char *title);

/*
 * A paragraph, or the text of one that was begun: lines of at most 76 bytes, a new one after each sentence. `Code` and
 * options become bold. LF begins another paragraph; between them stands the macro between, ".PP" or ".IP".
 */
void roff_text(struct writer *out, const char *text, const char *between);

/* Options bold, WORDS IN CAPITALS italic, as in a synopsis. */
void roff_synopsis(struct writer *out, const char *text);

/* A word or more in bold, in italics, or as it is, without a line's end. */
void roff_bold(struct writer *out, const char *text);
void roff_italic(struct writer *out, const char *text);
void roff_plain(struct writer *out, const char *text);

/* Lines that stay as they are, indented. */
void roff_example(struct writer *out, const char *text);

#endif
