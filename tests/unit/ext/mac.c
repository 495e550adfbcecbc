/* mac: NIST's example (CAVP gcmEncryptExtIV128, no plaintext), any way of cutting, and what a changed byte does. */
#include "ext/mac.h"

#include <string.h>

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void known_tag(void **state)
{
	struct mac s;
	uint8_t text[16], tag[MAC_TAG];
	assert_true(str_unhex("77be63708971c4e240d1cb79e8d77febe0e00f19fed7ba0136a797f3", s.key, MAC_KEY));
	assert_true(str_unhex("209fcc8d3675ed938e9c7166709dd946", s.tag, MAC_TAG));
	assert_true(str_unhex("7a43ec1d9c0a5a78a0b16533a6213cab", text, sizeof text));
	struct gmac *z = gmac_new();
	gmac_begin(z, &s);
	gmac_add(z, text, sizeof text);
	gmac_end(z, tag);
	assert_true(mac_holds(&s, tag));
	text[15] ^= 1;
	gmac_begin(z, &s);
	gmac_add(z, text, sizeof text);
	gmac_end(z, tag);
	assert_false(mac_holds(&s, tag));
	gmac_free(&z);
	assert_null(z);
	gmac_free(&z);
}

static void cuts_do_not_matter(void **state)
{
	uint8_t bytes[1000], tag[MAC_TAG];
	struct mac s;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 7);
	assert_true(mac_draw(&s));
	struct gmac *z = gmac_new();
	gmac_begin(z, &s);
	gmac_add(z, bytes, sizeof bytes);
	gmac_end(z, s.tag);
	for (size_t cut = 1; cut < sizeof bytes; cut += 13) {
		gmac_begin(z, &s);
		for (size_t at = 0; at < sizeof bytes; at += cut)
			gmac_add(z, bytes + at, at + cut < sizeof bytes ? cut : sizeof bytes - at);
		gmac_add(z, "", 0);
		gmac_end(z, tag);
		assert_true(mac_holds(&s, tag));
	}
	gmac_free(&z);
}

static void keys_are_drawn_anew(void **state)
{
	struct mac a, b;
	assert_true(mac_draw(&a));
	assert_true(mac_draw(&b));
	assert_memory_not_equal(a.key, b.key, MAC_KEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_tag),
	    cmocka_unit_test(cuts_do_not_matter),
	    cmocka_unit_test(keys_are_drawn_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
