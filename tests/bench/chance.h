/*
 * chance: numbers that look random and are the same in every run (splitmix64).
 */
#ifndef BENCH_CHANCE_H
#define BENCH_CHANCE_H

#include <stdint.h>

struct chance {
	uint64_t state;
};

static inline uint64_t chance_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static inline uint64_t chance_next(struct chance *c)
{
	return chance_mix(c->state += UINT64_C(0x9e3779b97f4a7c15));
}

/* 0 .. below - 1 */
static inline uint32_t chance_below(struct chance *c, uint32_t below)
{
	return (uint32_t)((chance_next(c) >> 32) * below >> 32);
}

/* low .. high */
static inline uint32_t chance_between(struct chance *c, uint32_t low, uint32_t high)
{
	return low + chance_below(c, high - low + 1);
}

#endif
