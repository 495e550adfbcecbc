/*
 * choice: dictionary or PLAIN, for one column's chunk, by what each costs in the file.
 *
 * Every chunk begins with a dictionary. What PLAIN would cost is measured on the first page and at doubling numbers of
 * pages, as long as the two are near each other. PLAIN wins early only if it costs less so far and new values keep
 * coming so fast that the dictionary won't catch up. At the end of the row group the cheaper one is written. A column
 * of numbers where PLAIN won begins the next row groups with it, and tries a dictionary again later.
 *
 * A column of texts keeps to one way in the whole file, that of its first row group: fastparquet (2026.9 with pandas 3)
 * loses texts where both meet. So when a dictionary of texts is crowded, the row group ends.
 *
 * A file is short where rows come slowly or from many hours, and finding out costs more than half of its texts a second
 * encoding. So the outcome goes on to the next files of the table: a column that lost begins them PLAIN.
 *
 * Thread  one owner
 */
#ifndef FORMAT_PARQUET_CHOICE_H
#define FORMAT_PARQUET_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "format/parquet/column.h"
#include "format/parquet/scratch.h"

/* A file begins. habit: how many more files begin PLAIN, kept up by this one; NULL: nobody wants to know. */
void choice_begin(struct column *c, uint8_t *habit);

/* Is the page that is about to close one on which PLAIN must be measured? */
bool choice_due(const struct column *c);

/* After such a page closed: note if it should be PLAIN. */
void choice_weigh(struct column *c, enum codec codec);

/*
 * PLAIN from the next row on: the dictionary is full, or it was weighed and found too dear; then the earlier pages
 * become PLAIN too. Nothing to do if it is PLAIN already.
 */
enum rc choice_plain(struct column *c, struct scratch *s, struct err *e) MUST_USE;

/* All pages are closed: keep the dictionary or change every page to PLAIN. */
enum rc choice_last(struct column *c, struct scratch *s, struct err *e) MUST_USE;

/* Is the dictionary of texts so full that the row group must end before more rows come? May find that it should be
 * PLAIN instead. */
bool choice_crowded(struct column *c, enum codec codec);

/* The chunk is written and forgotten: begin the next one. */
void choice_next(struct column *c);

#endif
