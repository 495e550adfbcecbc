/* The slow half of the window: it moves once in many records. */
#include "dissect/pcap/window.h"

enum rc window_fill(struct window *s, size_t n, struct err *e)
{
	const uint8_t *bytes = (const uint8_t *)"";
	size_t have = 0;
	source_take(s->source, (size_t)(s->at - s->begin));
	enum rc rc = source_peek(s->source, WINDOW_SIZE, &bytes, &have, e);
	s->begin = s->at = bytes;
	s->end = bytes + have;
	if (rc == RC_OK && have < n)
		rc = source_ended(s->source, e);
	return rc;
}
