/* Attackers who know where a key lands make one chain of a table; with a secret key they do not know. */
#include "dissect/pcap/siphash.h"

#include <sys/random.h>

#include "base/clock.h"

static inline uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline void mix(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

void siphash_seed(struct siphash *s)
{
	/* Without entropy the clock must do: limits hold in any case, only chains may grow. */
	if (getrandom(s->key, sizeof s->key, GRND_NONBLOCK) != (ssize_t)sizeof s->key) {
		s->key[0] = (uint64_t)clock_mono_ns();
		s->key[1] = (uint64_t)clock_wall().ns;
	}
}

uint64_t siphash_words(const struct siphash *s, const uint64_t *word, size_t count)
{
	uint64_t v[4] = {s->key[0] ^ 0x736f6d6570736575, s->key[1] ^ 0x646f72616e646f6d, s->key[0] ^ 0x6c7967656e657261,
	    s->key[1] ^ 0x7465646279746573};
	for (size_t i = 0; i <= count; i++) {
		uint64_t w = i < count ? word[i] : (uint64_t)count << 59; /* the last one holds the length in bytes */
		v[3] ^= w;
		mix(v);
		v[0] ^= w;
	}
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 3; i++)
		mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
