/*
 * window: the part of an input that a confined dissector may look at, where it lies in the input memory, and what may
 * be asked of it. What is asked is hostile.
 *
 * Thread  plain data
 * Units   bytes
 */
#ifndef CONFINE_WINDOW_H
#define CONFINE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

enum { WINDOW_PIECE = 512 << 10 }; /* of input, where the dissector does not want more at once */

struct window {          /* zeroed: nothing was handed over */
	uint64_t served; /* bytes of the input that were handed over */
	uint32_t filled; /* where in the memory the last of them ends */
	uint32_t have;   /* how many of them are in view, the last ones */
};

/* May a child that stands at offset of its input see want bytes from there on? It has *keep of them: fewer. */
bool window_may_want(const struct window *w, uint64_t offset, uint64_t want, uint32_t *keep);

/* Make room in memory, WIRE_INPUT bytes, behind the last keep bytes, which stay in view, perhaps elsewhere: for want in
 * all, or a piece. Returns where the room ends. want is more than keep and at most WIRE_INPUT. */
uint32_t window_room(struct window *w, uint8_t *memory, uint32_t keep, uint32_t want);

/* So many bytes were put behind those in view. */
void window_add(struct window *w, uint32_t bytes);

#endif
