/* Any bytes as a capture, and its frames through the layers: payloads lie in memory, damage in the input, and it ends.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "dissect/pcap/capture.h"
#include "dissect/pcap/layers.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void touch(const uint8_t *bytes, uint32_t n)
{
	volatile uint8_t sink = 0;
	for (uint32_t i = 0; i < n; i++)
		sink ^= bytes[i];
}

static void check(struct layers *l, const struct frame *f)
{
	must(f->captured <= CAPTURE_FRAME_MAX && (f->timed || f->time_ns == 0));
	struct segment s;
	if (!layers_decode(l, f, &s))
		return;
	must(s.have <= s.length && (s.have > 0 || s.transport == TRANSPORT_TCP));
	must(s.src.family == 4 || s.src.family == 6);
	touch(s.payload, s.have);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	/* Every third input through a filter that wants DNS only. */
	uint64_t ports[LAYERS_PORT_WORDS] = {1ull << 53};
	struct layers *l = layers_new();
	if (size % 3 == 0)
		layers_set_ports(l, ports);
	struct capture *c = capture_new(source_memory(bytes, size));
	struct frame f;
	struct err e;
	enum rc rc;
	while ((rc = capture_next(c, &f, &e)) == RC_OK)
		check(l, &f);
	must(rc == RC_END || rc == RC_BAD);
	must(rc == RC_BAD || capture_clean(c) == !capture_damage(c)->set);
	capture_free(&c);
	layers_free(&l);
	return 0;
}
