/*
 * fuzz: what the entries share. An entry is one function, LLVMFuzzerTestOneInput, over any bytes; it ends the process
 * when something does not hold. libFuzzer runs it (clang), and so does replay.c, without clang, over files.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static inline void must(bool holds)
{
	if (!holds)
		abort();
}

/* For text that is handed on: looks at every byte of it. */
static inline void must_end(const char *text, size_t most)
{
	must(text != NULL && strnlen(text, most + 1) <= most);
}

#endif
