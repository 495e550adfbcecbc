/* The allocator belongs to the process, not to a thread or a module: so what is asked of it stands in one place. */
#include "base/heap.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { KEPT = 32 << 20, LARGE = 8 << 20, GIVE_BACK_MS = 60 * 1000 };

void heap_keep(void)
{
#ifdef __GLIBC__
	(void)mallopt(M_TRIM_THRESHOLD, KEPT);
	(void)mallopt(M_MMAP_THRESHOLD, LARGE);
	(void)mallopt(M_ARENA_MAX, 1);
#endif
}

void heap_give_back(struct mono *last)
{
	if (mono_since(*last) < GIVE_BACK_MS)
		return;
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
	*last = clock_mono();
}
