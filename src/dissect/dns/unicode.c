/* GLib's answer without GLib: its tables change with its version, and ours must not. */
#include "dissect/dns/unicode.h"

#include <stddef.h>

struct range {
	uint32_t first, last;
};

#include "dissect/dns/unicode_table.h"

bool unicode_printable(uint32_t c)
{
	size_t low = 0, high = sizeof printable / sizeof *printable;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (c > printable[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	return low < sizeof printable / sizeof *printable && c >= printable[low].first;
}
