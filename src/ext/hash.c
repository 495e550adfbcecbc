/*
 * hash: SHA-256 through libcrypto's EVP layer, which picks the processor's own instructions.
 */
#include "ext/hash.h"

#include <assert.h>
#include <openssl/evp.h>

#include "base/mem.h"

struct sha256 {
	EVP_MD_CTX *running;
	EVP_MD_CTX *copy; /* finished in place of running, so that adding may go on */
};

/* libcrypto fails here only when memory is gone or the build lacks SHA-256: neither is a caller's case. */
static void must(int ok)
{
	assert(ok == 1);
}

struct sha256 *sha256_new(void)
{
	struct sha256 *h = mem_zero(1, sizeof *h);
	h->running = EVP_MD_CTX_new();
	h->copy = EVP_MD_CTX_new();
	must(h->running != NULL && h->copy != NULL);
	must(EVP_DigestInit_ex(h->running, EVP_sha256(), NULL));
	return h;
}

void sha256_free(struct sha256 **hp)
{
	struct sha256 *h = *hp;
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->running);
	EVP_MD_CTX_free(h->copy);
	mem_free(hp);
}

void sha256_reset(struct sha256 *h)
{
	/* Without a type the one that was fetched is kept: fetching costs more than hashing a small file. */
	must(EVP_DigestInit_ex(h->running, NULL, NULL));
}

void sha256_add(struct sha256 *h, const void *bytes, size_t size)
{
	if (size > 0)
		must(EVP_DigestUpdate(h->running, bytes, size));
}

void sha256_peek(const struct sha256 *h, uint8_t out[SHA256_BYTES])
{
	must(EVP_MD_CTX_copy_ex(h->copy, h->running));
	must(EVP_DigestFinal_ex(h->copy, out, NULL));
}

void sha256_of(const void *bytes, size_t size, uint8_t out[SHA256_BYTES])
{
	must(EVP_Digest(bytes, size, out, NULL, EVP_sha256(), NULL));
}
