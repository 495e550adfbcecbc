/* Sources are looked through before any of them counts: half of a file's would be missed or found too much. */
#include "audit/counting.h"

#include <string.h>

enum rc counting_add(struct counting *c, const uint8_t sha256[SHA256_BYTES], uint64_t rows, struct err *e)
{
	struct ident id = {
	    .source = NAMES_NONE, .again = c->fact == IDENT_ROWS ? c->rows.dataset : UINT32_MAX, .fact = c->fact};
	memcpy(id.sha256, sha256, SHA256_BYTES);
	c->rows.rows = rows;
	return audit_add_ident(c->audit, &id, &c->rows, e);
}

static enum rc see_source(
    void *context, const uint8_t sha256[SHA256_BYTES], uint64_t first, uint64_t rows, struct err *e)
{
	(void)first;
	return counting_add(context, sha256, rows, e);
}

static enum rc ignore_source(
    void *context, const uint8_t sha256[SHA256_BYTES], uint64_t first, uint64_t rows, struct err *e)
{
	(void)context, (void)sha256, (void)first, (void)rows, (void)e;
	return RC_OK;
}

enum rc counting_footer(struct counting *c, const struct footer *f, struct err *e)
{
	enum rc rc = footer_sources(&f->inspect, ignore_source, NULL, e);
	return rc == RC_OK ? footer_sources(&f->inspect, see_source, c, e) : rc;
}
