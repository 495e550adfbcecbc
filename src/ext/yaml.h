/*
 * yaml: a configuration file as a tree of nodes that know their line (libyaml). No anchors, no tags, no merge keys:
 * they are RC_BAD.
 *
 * Thread  a tree belongs to one thread
 */
#ifndef EXT_YAML_H
#define EXT_YAML_H

#include <stddef.h>

#include "base/rc.h"

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_kind kind;
	unsigned line;           /* from 1 */
	char *key;               /* name within the parent map, NULL in a list or at the root */
	char *text;              /* of a scalar */
	struct yaml_node *first; /* children of a list or map, in file order */
	struct yaml_node *next;
};

/* RC_BAD: "FILE:LINE: reason" (a doubled key too). An empty document is an empty map. Depth at most 16, nodes at most
 * 100,000. */
enum rc yaml_load(const char *file, const char *bytes, size_t size, struct yaml_node **out, struct err *e) MUST_USE;
void yaml_tree_free(struct yaml_node **root);

/* Child of a map by name, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

#endif
