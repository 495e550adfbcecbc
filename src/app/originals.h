/*
 * originals: which originals the words of a command line mean: a bare name, a path as it was seen, a sha256, a path in
 * the lake.
 *
 * Thread  main only
 */
#ifndef APP_ORIGINALS_H
#define APP_ORIGINALS_H

#include <stdbool.h>
#include <stdint.h>

#include "app/args.h"
#include "audit/trace.h"
#include "ext/hash.h"
#include "pipe/settings.h"

/* No words: all. path: in the lake; name and path as bytes. met: of each word, whether it has meant something; set to
 * true here. */
bool originals_meant(
    const struct args *a, const uint8_t original[SHA256_BYTES], const char *name, const char *path, bool *met);

/* Complains, as `what`, of each word that has met nothing and that no trace finds either. true: all are known. */
bool originals_known(const struct args *a, const struct settings *s, const char *what, const bool *met);

/* The pipeline that --pipeline names; NULL in *out when it is not given. RC_BAD: there is none of that name. */
enum rc originals_pipeline(
    const struct args *a, const struct settings *s, const struct pipeline **out, struct err *e) MUST_USE;

/* Lake and, where there is one, ledger, to trace in. Whatever it returns, close it. */
enum rc originals_open(const struct settings *s, struct trace *t, struct err *e) MUST_USE;
void originals_close(struct trace *t);

#endif
