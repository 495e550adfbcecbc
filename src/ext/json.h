/*
 * json: jansson, with our errors. Reading keeps to this file; large documents are written by hand with writer
 * (json_quote).
 *
 * Thread  a value belongs to one thread
 * Owner   json_decref by the caller unless borrowed is said
 */
#ifndef EXT_JSON_H
#define EXT_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/writer.h"

/* Parse text; RC_BAD names line and column. */
enum rc json_parse(const char *text, size_t len, json_t **out, struct err *e) MUST_USE;

/* Members by name, borrowed; RC_BAD when absent or of another type ("key \"rows\" is missing"). */
enum rc json_get_text(const json_t *object, const char *key, const char **out, struct err *e) MUST_USE;
enum rc json_get_int(const json_t *object, const char *key, int64_t *out, struct err *e) MUST_USE;
enum rc json_get_u64(const json_t *object, const char *key, uint64_t *out, struct err *e) MUST_USE;
enum rc json_get_u32(const json_t *object, const char *key, uint32_t *out, struct err *e) MUST_USE;

static inline json_t *json_u64(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* Bytes of any kind as a string that says them (str_escape). */
json_t *json_escaped(const char *bytes);

/* A JSON string with its quotes. Bytes must be UTF-8; what is not is written as U+FFFD. */
void json_quote(struct writer *w, const char *text, size_t len);
/* ,"key":"text" */
void json_quote_member(struct writer *w, const char *key, const char *text);

#endif
