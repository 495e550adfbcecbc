/* Any bytes as an answer in binary thrift: what is taken is written and read again the same. */
#include "format/thrift_binary.h"

#include "base/mem.h"
#include "fuzz.h"

enum { CEILING = 64 << 20 };

static void must_hold(const struct tree *t, unsigned depth)
{
	size_t children = 0;
	must(depth <= BINARY_DEPTH);
	if (t->type == T_STRING)
		must(t->bytes != NULL && t->bytes[t->len] == '\0');
	for (const struct tree *child = t->first; child != NULL; child = child->next, children++)
		must_hold(child, depth + 1);
	must(children == t->children && (t->type != T_MAP || children % 2 == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct binary_message m, again;
	struct writer out, twice;
	struct err e;
	struct source *s = source_memory(bytes, size);
	enum rc rc = binary_read(s, &m, &e);
	must(rc == RC_OK || rc == RC_BAD || rc == RC_AGAIN || (rc == RC_END && size == 0));
	source_close(&s);
	if (rc != RC_OK)
		return 0;
	must_hold(m.body, 1);
	writer_init(&out, CEILING);
	writer_init(&twice, CEILING);
	binary_message(&out, m.name, m.kind, m.seq, m.body);
	must(!out.failed);
	s = source_memory(out.bytes, out.len);
	must(binary_read(s, &again, &e) == RC_OK);
	struct tree *copy = tree_copy(again.body);
	binary_message(&twice, again.name, again.kind, again.seq, copy);
	must(twice.len == out.len && memcmp(twice.bytes, out.bytes, out.len) == 0);
	source_close(&s);
	tree_free(&copy);
	tree_free(&again.body);
	tree_free(&m.body);
	writer_fini(&out);
	writer_fini(&twice);
	return 0;
}
