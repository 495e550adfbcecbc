/*
 * parquet_reader: a tiny reader of the Parquet files that we write, for their tests. Written from the specification,
 * sharing no code with the writer but the codecs. Everything it finds wrong fails the test.
 */
#ifndef UNIT_FORMAT_PARQUET_READER_H
#define UNIT_FORMAT_PARQUET_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pack/pack.h"

/* A decoded thrift value: a number, bytes, or children (fields of a struct, elements of a list). */
struct node {
	int id; /* of a field; 0 for elements */
	int type;
	int64_t number;
	const uint8_t *bytes;
	size_t len;
	struct node *child;
	size_t children;
};

struct node *node_read(const uint8_t **at, const uint8_t *end); /* a struct */
void node_free(struct node **n);
const struct node *node_find(const struct node *n, int id); /* NULL: no such field */
const struct node *node_get(const struct node *n, int id);  /* must be there */
int64_t node_number(const struct node *n, int id);

struct cell {
	bool null;
	const uint8_t *bytes; /* PLAIN, without a length */
	uint32_t len;
};

struct read_page {
	bool dictionary;
	uint64_t at;   /* in the file */
	uint64_t size; /* header included */
	uint32_t rows, nulls;
};

struct read_column {
	int physical;
	struct cell *cell;
	size_t cells;
	struct read_page *page; /* of all row groups */
	size_t pages;
	void **owned; /* what cells point into */
	size_t owns;
};

struct read_file {
	struct node *meta;
	size_t columns;
	struct read_column *column;
	uint64_t rows;
};

/* Read all of it: checks magic, offsets, sizes, CRCs, encodings, counts, statistics and page indexes on the way. */
void read_file(const uint8_t *bytes, size_t size, struct read_file *f);
void read_file_free(struct read_file *f);

/* The value of a footer key, or NULL. */
const struct node *read_key(const struct read_file *f, const char *key);

/* Order of two values: as the file's statistics mean it. */
int read_compare(int physical, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

/* Bit-unpacking of the RLE / bit-packing hybrid, one value at a time. Returns the bytes used. */
size_t read_hybrid(const uint8_t *from, size_t size, unsigned width, size_t n, uint32_t *out);

#endif
