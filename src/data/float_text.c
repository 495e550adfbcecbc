/* The shortest text of a float. Durations have three decimals and take the fast way; the rest asks printf for 6 to 9
 * digits. */
#include "data/render.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/print.h"

/*
 * Six digits or fewer always read back as the same float (FLT_DIG), and two such texts never as the same one: so when v
 * is n thousandths with at most six digits, those digits without their trailing zeros are the shortest there are.
 */
enum { SIX_DIGITS = 1000000 };

static size_t thousandths(unsigned n, char *text)
{
	size_t len = print_digits(n / 1000, text);
	unsigned rest = n % 1000;
	if (rest == 0)
		return len;
	text[len++] = '.';
	text[len++] = (char)('0' + rest / 100);
	if (rest % 100 != 0)
		text[len++] = (char)('0' + rest / 10 % 10);
	if (rest % 10 != 0)
		text[len++] = (char)('0' + rest % 10);
	return len;
}

static size_t general(float v, char *text)
{
	int len = 0;
	/* Subnormals lose digits, so that fewer than six can be enough. */
	for (int digits = fabsf(v) < FLT_MIN ? 1 : FLT_DIG; digits <= 9; digits++) {
		len = snprintf(text, RENDER_TEXT, "%.*g", digits, (double)v);
		if (strtof(text, NULL) == v)
			break;
	}
	return (size_t)len;
}

size_t render_float(float v, char text[RENDER_TEXT])
{
	if (isnan(v)) {
		memcpy(text, "nan", 3);
		return 3;
	}
	size_t sign = signbit(v) != 0;
	float size = fabsf(v);
	text[0] = '-';
	if (size < SIX_DIGITS / 1000) {
		unsigned n = (unsigned)((double)size * 1000 + 0.5);
		if (n < SIX_DIGITS && (float)(n / 1000.0) == size)
			return sign + thousandths(n, text + sign);
	}
	return general(v, text);
}
