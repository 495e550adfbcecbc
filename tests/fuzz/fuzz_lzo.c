/* Any bytes as an LZO1X stream: the decoder of ours says what liblzo2 says. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lzo/lzo1x.h>

#include "pack/lzo.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	/* Of just the size that is offered, so that a byte too far is seen. */
	size_t capacity = size > 0 ? (size_t)bytes[0] * (size % 2 ? 257 : 3) : 0, ours = 0;
	uint8_t *to = malloc(capacity + 1), *theirs_to = malloc(capacity + 1);
	lzo_uint theirs = capacity;
	struct err e;
	enum rc rc = lzo_decode(bytes, size, to + 1, capacity, &ours, &e);
	int their = lzo1x_decompress_safe(bytes, size, theirs_to + 1, &theirs, NULL);
	if ((rc == RC_OK) != (their == LZO_E_OK))
		abort();
	if (rc == RC_OK && (ours != theirs || memcmp(to + 1, theirs_to + 1, ours) != 0))
		abort();
	free(to);
	free(theirs_to);
	return 0;
}
