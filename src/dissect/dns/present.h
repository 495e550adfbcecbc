/*
 * present: bytes in the forms that zone files use.
 *
 * Thread  any; appends to a writer, which fails at its ceiling
 */
#ifndef DISSECT_DNS_PRESENT_H
#define DISSECT_DNS_PRESENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/writer.h"

void present_hex(const uint8_t *bytes, size_t len, struct writer *out);    /* lower case */
void present_base64(const uint8_t *bytes, size_t len, struct writer *out); /* RFC 4648 section 4, padded */
void present_base32(const uint8_t *bytes, size_t len,
    struct writer *out); /* its section 7, lower case, no padding: RFC 5155 section 3.3 */
void present_string(const uint8_t *bytes, size_t len, struct writer *out); /* in double quotes, RFC 1035 section 5.1 */
void present_json(
    const uint8_t *text, size_t len, struct writer *out); /* ASCII text as a JSON string with its quotes */

#endif
