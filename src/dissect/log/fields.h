/*
 * fields: the catalogue of the elff dissector. Texts are UTF-8; see row.h for bytes that are not.
 *
 * Thread  immutable tables
 */
#ifndef DISSECT_LOG_FIELDS_H
#define DISSECT_LOG_FIELDS_H

#include "data/type.h"

/* clang-format off */
#define LOG_FIELDS(X) \
	X(TIME, "time", TIME, "when the request was logged") \
	X(CLIENTIP, "clientip", BYTES, "client address as logged") \
	X(HOST, "host", BYTES, "host that was asked for") \
	X(REQMETHOD, "reqmethod", BYTES, "request method") \
	X(USERAGENT, "useragent", BYTES, "User-Agent header") \
	X(RESCONTTYPE, "resconttype", BYTES, "content type of the response") \
	X(DURATION, "duration", U64, "milliseconds the transaction took") \
	X(USERNAME, "username", BYTES, "user who was authenticated") \
	X(AUTHGROUP, "authgroup", BYTES, "group of that user") \
	X(EXCEPTIONID, "exceptionid", BYTES, "exception page that was served") \
	X(FILTERRESULT, "filterresult", BYTES, "OBSERVED, PROXIED, DENIED") \
	X(WEBCAT, "webcat", BYTES, "content categories") \
	X(REFERER, "referer", BYTES, "Referer header") \
	X(RESPCODE, "respcode", BYTES, "status of the response") \
	X(ACTION, "action", BYTES, "what the proxy did, TCP_HIT") \
	X(URISCHEME, "urischeme", BYTES, "scheme of the URL") \
	X(URIPORT, "uriport", BYTES, "port of the URL") \
	X(URIPATH, "uripath", BYTES, "path of the URL") \
	X(URIQUERY, "uriquery", BYTES, "query of the URL with its question mark") \
	X(URIEXTENSION, "uriextension", BYTES, "text after the last dot of the path") \
	X(SERVERIP, "serverip", BYTES, "address of the server or of the proxy") \
	X(SCBYTES, "scbytes", U64, "bytes to the client") \
	X(CSBYTES, "csbytes", U64, "bytes from the client") \
	X(VIRUSID, "virusid", BYTES, "virus that was found") \
	X(BCAPPNAME, "bcappname", BYTES, "web application") \
	X(BCAPPOPER, "bcappoper", BYTES, "operation of the web application") \
	X(FULLURI, "fulluri", BYTES, "host, path and query as Spot joins them") \
	X(PROTOCOL, "protocol", BYTES, "protocol and version of the request") \
	X(URL, "url", BYTES, "scheme://host[:port]path?query") \
	X(EXTRA, "extra", BYTES, "JSON object of the fields that no other field holds") \
	X(LINE_NUMBER, "line_number", U64, "line in the input, from 1") \
	X(RAW_LINE, "raw_line", BYTES, "the line itself without its end")
/* clang-format on */

enum log_field {
#define X(id, name, type, help) FIELD_##id,
	LOG_FIELDS(X)
#undef X
	    LOG_FIELD_COUNT
};

extern const struct field log_field[LOG_FIELD_COUNT];

#endif
