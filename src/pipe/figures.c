/* The table that figures.h lists, as data for status and metrics. */
#include "pipe/figures.h"

const struct figure_info figure_info[FIGURE_COUNT] = {
#define X(id, name, kind, help) [FIGURE_##id] = {name, kind, help},
    FIGURES(X)
#undef X
};
