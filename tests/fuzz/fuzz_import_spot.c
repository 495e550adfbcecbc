/* Any bytes as Spot's two files, cut at the first NUL: refused, or a configuration that the parser takes, with every
 * note on a line of its own. */
#include "app/spot/import.h"

#include "app/config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const char *text = (const char *)bytes, *cut = size > 0 ? memchr(text, '\0', size) : NULL;
	size_t ingest = cut != NULL ? (size_t)(cut - text) : size;
	const struct spot_params p = {.ingest = {"ingest_conf.json", text, ingest},
	    .conf = {cut != NULL ? "spot.conf" : NULL, cut != NULL ? cut + 1 : NULL,
	        cut != NULL ? size - ingest - 1 : 0},
	    .metastore = "metastore"};
	struct spot_result r;
	struct err e;
	enum rc rc = spot_import(&p, &r, &e);
	must(rc == RC_OK || rc == RC_BAD);
	for (size_t i = 0; i < r.notes.count; i++)
		must(strpbrk(r.notes.note[i].text, "\n\r") == NULL);
	if (rc == RC_OK) {
		struct config *c = NULL;
		must(config_parse("/nonexistent/fuzz.yaml", (const char *)r.yaml.bytes, r.yaml.len, &c, &e) == RC_OK);
		must(c->settings.foreign_keep == 1);
		config_free(&c);
	}
	spot_result_fini(&r);
	return 0;
}
