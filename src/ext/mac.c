/*
 * mac: GMAC through libcrypto's EVP layer, which picks the processor's carry-less multiplication.
 */
#include "ext/mac.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/mem.h"

enum { KEY = 16, NONCE = MAC_KEY - KEY };

struct gmac {
	EVP_MAC *mac;
	EVP_MAC_CTX *running;
};

/* libcrypto fails here only when memory is gone or the build lacks GMAC: neither is a caller's case. */
static void must(int ok)
{
	assert(ok == 1);
}

bool mac_draw(struct mac *s)
{
	return RAND_bytes(s->key, MAC_KEY) == 1;
}

struct gmac *gmac_new(void)
{
	struct gmac *z = mem_zero(1, sizeof *z);
	z->mac = EVP_MAC_fetch(NULL, "GMAC", NULL);
	assert(z->mac != NULL);
	z->running = EVP_MAC_CTX_new(z->mac);
	assert(z->running != NULL);
	return z;
}

void gmac_free(struct gmac **zp)
{
	struct gmac *z = *zp;
	if (z == NULL)
		return;
	EVP_MAC_CTX_free(z->running);
	EVP_MAC_free(z->mac);
	mem_free(zp);
}

void gmac_begin(struct gmac *z, const struct mac *s)
{
	uint8_t nonce[NONCE];
	for (size_t i = 0; i < NONCE; i++)
		nonce[i] = s->key[KEY + i];
	OSSL_PARAM p[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, (char[]){"AES-128-GCM"}, 0),
	    OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_IV, nonce, NONCE), OSSL_PARAM_construct_end()};
	must(EVP_MAC_init(z->running, s->key, KEY, p));
}

void gmac_add(struct gmac *z, const void *bytes, size_t size)
{
	if (size > 0)
		must(EVP_MAC_update(z->running, bytes, size));
}

void gmac_end(struct gmac *z, uint8_t tag[MAC_TAG])
{
	size_t got = 0;
	must(EVP_MAC_final(z->running, tag, &got, MAC_TAG));
	assert(got == MAC_TAG);
}

bool mac_holds(const struct mac *s, const uint8_t tag[MAC_TAG])
{
	return CRYPTO_memcmp(s->tag, tag, MAC_TAG) == 0;
}
