/*
 * Costs are bytes. The dictionary's is known but for what the codec takes off it; PLAIN's is estimated from samples.
 */
#include "format/parquet/choice.h"

#include "format/parquet/bits.h"

enum {
	CLEAR = 16,                  /* a dictionary this many times smaller than raw PLAIN needs no measuring */
	SETTLED = 2,                 /* nor one this many times smaller than PLAIN was measured */
	GROUPS_PLAIN = 15,           /* row groups until a dictionary is tried again */
	FILES_PLAIN = 15,            /* files, likewise */
	VALUES_TO_TELL = 16 << 10,   /* a chunk of fewer says nothing about the next */
	VALUES_TO_CHANGE = 64 << 10, /* nor one of fewer about its own rest */
};

/* Bytes of n PLAIN values before compression; texts as long as the dictionary's are on average. */
static uint64_t raw_plain(const struct column *c, uint64_t n)
{
	const struct dictionary *d = &c->dictionary;
	return d->count == 0 ? 0 : n * d->values.len / d->count;
}

static bool of_texts(const struct column *c)
{
	return c->dictionary.physical == PHYSICAL_BYTES;
}

void choice_begin(struct column *c, uint8_t *habit)
{
	c->habit = habit;
	if (habit == NULL || *habit == 0)
		return;
	--*habit;
	c->plain = true;
	if (of_texts(c))
		c->text = TEXT_PLAIN;
	else
		c->groups_plain = GROUPS_PLAIN;
}

bool choice_due(const struct column *c)
{
	uint32_t pages = c->chunk.count + 1;
	if (c->plain || c->settled || c->text == TEXT_DICTIONARY || c->page.values == 0 || (pages & (pages - 1)) != 0)
		return false;
	const struct dictionary *d = &c->dictionary;
	uint64_t values = c->chunk.values + c->page.values;
	uint64_t cost = d->values.len / 2 + (c->page.single ? 0 : values * bits_width(d->count) / 8);
	return cost * CLEAR > raw_plain(c, values);
}

/* Write PLAIN from now on; earlier pages too if the dictionary lost. */
static enum rc change(struct column *c, struct scratch *s, struct err *e)
{
	enum rc rc = RC_OK;
	c->plain = true;
	buffer_fini(&c->map);
	if (!c->lost) {
		dictionary_seal(&c->dictionary);
		c->chunk.try_at = c->chunk.count;
		return RC_OK;
	}
	rc = recode_plain(&c->chunk, &c->dictionary, s, e);
	dictionary_fini(&c->dictionary);
	return rc;
}

void choice_weigh(struct column *c, enum codec codec)
{
	const struct dictionary *d = &c->dictionary;
	uint64_t dictionary = recode_dictionary_cost(&c->chunk, d, codec),
	         plain = recode_plain_cost(&c->sample, &c->chunk);
	uint64_t fresh = d->count - c->counted, values = c->chunk.values - c->weighed;
	c->counted = d->count;
	c->weighed = c->chunk.values;
	c->settled = plain >= SETTLED * dictionary && c->chunk.values >= VALUES_TO_TELL;
	if (dictionary <= plain || c->chunk.values < VALUES_TO_CHANGE || d->count < c->chunk.values / 2)
		return;
	/* What the last pages would cost if this went on. */
	uint64_t more_dictionary = fresh * (d->values.len / d->count) / 2 + values * bits_width(d->count) / 8;
	uint64_t more_plain = (uint64_t)((unsigned __int128)values * c->sample.bytes / c->sample.values);
	c->wants_plain = more_dictionary > more_plain;
}

enum rc choice_plain(struct column *c, struct scratch *s, struct err *e)
{
	if (c->plain)
		return RC_OK;
	enum rc rc = RC_OK;
	c->lost = c->wants_plain;
	c->wants_plain = false;
	if (c->page.rows != 0) {
		rc = recode_measure(&c->sample, &c->page, &c->dictionary, s, e);
		if (rc == RC_OK)
			rc = chunk_close_page(&c->chunk, &c->page, &c->dictionary, false, s, e);
	}
	return rc == RC_OK ? change(c, s, e) : rc;
}

bool choice_crowded(struct column *c, enum codec codec)
{
	const struct dictionary *d = &c->dictionary;
	if (!of_texts(c) || c->plain || c->wants_plain ||
	    (d->count < DICTIONARY_ENTRIES && d->values.len < DICTIONARY_BYTES))
		return false;
	c->wants_plain = c->text == TEXT_OPEN && c->sample.values != 0 &&
	                 recode_dictionary_cost(&c->chunk, d, codec) > recode_plain_cost(&c->sample, &c->chunk);
	return !c->wants_plain;
}

/* The dictionary's cost with its true compressed size. */
static enum rc exact_cost(struct column *c, struct scratch *s, uint64_t *cost, struct err *e)
{
	const struct dictionary *d = &c->dictionary;
	enum rc rc = RC_OK;
	size_t size = d->values.len;
	*cost = recode_dictionary_cost(&c->chunk, d, CODEC_NONE) - size;
	if (s->codec != CODEC_NONE) {
		rc = chunk_pack(s, d->values.bytes, size, e);
		size = s->packed.len < size ? s->packed.len : size;
	}
	*cost += size;
	return rc;
}

enum rc choice_last(struct column *c, struct scratch *s, struct err *e)
{
	if (c->dictionary.count == 0 || c->sample.values == 0 || c->text == TEXT_DICTIONARY)
		return RC_OK;
	/* A few texts say too little about the rest of the file. */
	if (of_texts(c) && c->chunk.values < VALUES_TO_TELL)
		return RC_OK;
	uint64_t dictionary = recode_dictionary_cost(&c->chunk, &c->dictionary, s->codec);
	uint64_t plain = recode_plain_cost(&c->sample, &c->chunk);
	/* Far apart, the estimate of the dictionary's compressed size is good enough. */
	if (plain > dictionary + dictionary / 2)
		return RC_OK;
	enum rc rc = exact_cost(c, s, &dictionary, e);
	if (rc != RC_OK || plain + plain / 32 >= dictionary)
		return rc;
	c->lost = true;
	return change(c, s, e);
}

void choice_next(struct column *c)
{
	if (of_texts(c) && c->text == TEXT_OPEN && c->chunk.values != 0)
		c->text = c->plain ? TEXT_PLAIN : TEXT_DICTIONARY;
	bool told = c->weighed >= VALUES_TO_TELL;
	if (c->lost && c->habit != NULL && (told || of_texts(c)))
		*c->habit = FILES_PLAIN;
	if (c->groups_plain > 0)
		c->groups_plain--;
	else if (c->lost && told)
		c->groups_plain = GROUPS_PLAIN;
	c->plain = of_texts(c) ? c->text == TEXT_PLAIN : c->groups_plain > 0;
	c->settled = c->wants_plain = c->lost = false;
	c->sample = (struct recode_sample){0};
	c->counted = 0;
	c->weighed = 0;
	c->page_left = 0;
}
