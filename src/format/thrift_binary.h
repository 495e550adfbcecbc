/*
 * thrift_binary: messages and values of Apache Thrift's binary protocol, strict, unframed: what a Hive Metastore
 * speaks.
 *
 * Beside the compact protocol (thrift.h), which Parquet's footer is written in; both write into the same struct writer.
 * Reading is from a source, because an unframed message says nowhere how long it is. What is read is bounded whatever
 * the other side says: depth, values, bytes of a text, bytes in all; no length is believed before its bytes are there.
 *
 * Thread  plain functions
 * Errors  RC_BAD: the bytes are no such message, or pass a bound. What the source says comes back as it is; a stream
 *         that ends inside a message is RC_AGAIN
 * Source  Apache Thrift, "Thrift Binary protocol encoding"
 */
#ifndef FORMAT_THRIFT_BINARY_H
#define FORMAT_THRIFT_BINARY_H

#include <stdint.h>

#include "base/rc.h"
#include "base/source.h"
#include "base/writer.h"
#include "format/thrift_tree.h"

enum binary_kind { BINARY_CALL = 1, BINARY_REPLY = 2, BINARY_EXCEPTION = 3, BINARY_ONEWAY = 4 };

enum {
	BINARY_NAME = 128,         /* of a method, its NUL included */
	BINARY_DEPTH = 24,         /* a value within a value within … */
	BINARY_VALUES = 512 << 10, /* of one message */
	BINARY_TEXT = 4 << 20,     /* bytes of one text */
	BINARY_MESSAGE = 32 << 20, /* bytes of one message */
};

struct binary_message {
	char name[BINARY_NAME];
	enum binary_kind kind;
	int32_t seq;
	struct tree *body; /* a struct: arguments, result or exception */
};

/* Append a value: of a struct its fields and the stop. */
void binary_value(struct writer *out, const struct tree *t);

/* Append a message. */
void binary_message(struct writer *out, const char *name, enum binary_kind kind, int32_t seq, const struct tree *body);

/* Read one message; the caller frees its body. RC_END: the stream ended before the first byte of one. */
enum rc binary_read(struct source *s, struct binary_message *out, struct err *e) MUST_USE;

#endif
