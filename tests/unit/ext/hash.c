/* hash: the standard's examples (FIPS 180-4), any way of cutting, and digests on the way. */
#include "ext/hash.h"

#include <string.h>

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_digest(const uint8_t digest[SHA256_BYTES], const char *text)
{
	char hex[SHA256_TEXT];
	str_hex(digest, SHA256_BYTES, hex);
	assert_string_equal(hex, text);
}

static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void known_digests(void **state)
{
	uint8_t digest[SHA256_BYTES];
	sha256_of("abc", 3, digest);
	assert_digest(digest, abc);
	sha256_of("", 0, digest);
	assert_digest(digest, empty);
	sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, digest);
	assert_digest(digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void a_digest_on_the_way_does_not_disturb(void **state)
{
	uint8_t digest[SHA256_BYTES];
	struct sha256 *h = sha256_new();
	sha256_peek(h, digest);
	assert_digest(digest, empty);
	sha256_add(h, "a", 1);
	sha256_peek(h, digest);
	sha256_peek(h, digest);
	sha256_add(h, "", 0);
	sha256_add(h, "bc", 2);
	sha256_peek(h, digest);
	assert_digest(digest, abc);
	sha256_reset(h);
	sha256_peek(h, digest);
	assert_digest(digest, empty);
	sha256_add(h, "abc", 3);
	sha256_peek(h, digest);
	assert_digest(digest, abc);
	sha256_free(&h);
	assert_null(h);
	sha256_free(&h);
}

static void cuts_do_not_matter(void **state)
{
	uint8_t bytes[1000], whole[SHA256_BYTES], parts[SHA256_BYTES];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 7);
	sha256_of(bytes, sizeof bytes, whole);
	struct sha256 *h = sha256_new();
	for (size_t cut = 1; cut < sizeof bytes; cut += 13) {
		sha256_reset(h);
		for (size_t at = 0; at < sizeof bytes; at += cut)
			sha256_add(h, bytes + at, at + cut < sizeof bytes ? cut : sizeof bytes - at);
		sha256_peek(h, parts);
		assert_memory_equal(parts, whole, SHA256_BYTES);
	}
	sha256_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_digests),
	    cmocka_unit_test(a_digest_on_the_way_does_not_disturb),
	    cmocka_unit_test(cuts_do_not_matter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
