/* The catalogue as a table. */
#include "dissect/log/fields.h"

const struct field log_field[LOG_FIELD_COUNT] = {
#define X(id, name, type, help) [FIELD_##id] = {name, TYPE_##type, help},
    LOG_FIELDS(X)
#undef X
};
