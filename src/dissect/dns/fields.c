/* The catalogue: names and types from the list in the header. */
#include "dissect/dns/fields.h"

const struct field dns_field[DNS_FIELD_COUNT] = {
#define X(id, name, type, help) [DNS_FIELD_##id] = {name, TYPE_##type, help},
    DNS_FIELDS(X)
#undef X
};
