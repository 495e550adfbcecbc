/* yaml: the tree with its lines, and everything that is refused, with the line it stands on. */
#include "ext/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static enum rc load(const char *text, struct yaml_node **out, struct err *e)
{
	/* On the heap without a NUL, so that a read past the end is seen. */
	size_t size = strlen(text);
	char *copy = malloc(size + 1);
	memcpy(copy, text, size);
	char *exact = realloc(copy, size == 0 ? 1 : size);
	enum rc rc = yaml_load("x.yaml", exact, size, out, e);
	free(exact);
	return rc;
}

static void a_configuration_becomes_a_tree(void **state)
{
	struct yaml_node *root;
	struct err e;
	assert_int_equal(load("lake: file:///x   # comment\n"
	                      "event: { inline_max: 1MiB }\n"
	                      "\n"
	                      "pipelines:\n"
	                      "  flow:\n"
	                      "    pattern: \"nfcapd.[0-9]*\"\n"
	                      "    hosts:\n"
	                      "      - a\n"
	                      "      - b: c\n",
	                     &root, &e),
	    RC_OK);
	assert_int_equal(root->kind, YAML_MAP);
	const struct yaml_node *lake = yaml_get(root, "lake");
	assert_string_equal(lake->text, "file:///x");
	assert_string_equal(lake->key, "lake");
	assert_int_equal(lake->line, 1);
	assert_string_equal(yaml_get(yaml_get(root, "event"), "inline_max")->text, "1MiB");
	const struct yaml_node *flow = yaml_get(yaml_get(root, "pipelines"), "flow");
	assert_int_equal(flow->line, 5);
	assert_string_equal(yaml_get(flow, "pattern")->text, "nfcapd.[0-9]*");
	const struct yaml_node *hosts = yaml_get(flow, "hosts");
	assert_int_equal(hosts->kind, YAML_LIST);
	assert_int_equal(hosts->line, 7);
	assert_string_equal(hosts->first->text, "a");
	assert_null(hosts->first->key);
	assert_int_equal(hosts->first->line, 8);
	assert_string_equal(yaml_get(hosts->first->next, "b")->text, "c");
	assert_null(hosts->first->next->next);
	assert_null(yaml_get(flow, "none"));
	assert_null(yaml_get(hosts, "a"));
	assert_null(yaml_get(lake, "a"));
	assert_null(yaml_get(NULL, "a"));
	/* in file order */
	assert_string_equal(root->first->key, "lake");
	assert_string_equal(root->first->next->key, "event");
	yaml_tree_free(&root);
	assert_null(root);
	yaml_tree_free(&root);
}

static void nothing_is_an_empty_map(void **state)
{
	static const char *const texts[] = {"", "\n\n", "# only words\n", "---\n", "---\n...\n"};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct yaml_node *root = NULL;
		struct err e;
		assert_int_equal(load(texts[i], &root, &e), RC_OK);
		assert_int_equal(root->kind, YAML_MAP);
		assert_null(root->first);
		yaml_tree_free(&root);
	}
}

static void an_empty_value_is_empty_text(void **state)
{
	struct yaml_node *root;
	struct err e;
	assert_int_equal(load("a:\nb: ''\n", &root, &e), RC_OK);
	assert_string_equal(yaml_get(root, "a")->text, "");
	assert_string_equal(yaml_get(root, "b")->text, "");
	yaml_tree_free(&root);
}

static void what_is_refused_names_its_line(void **state)
{
	static const struct {
		const char *text, *start, *holds;
	} rows[] = {
	    {"a: 1\nb: &x 1\n", "x.yaml:2: ", "anchors"},
	    {"a: 1\n&x b: 1\n", "x.yaml:2: ", "anchors"},
	    {"a: 1\nb: *x\n", "x.yaml:2: ", "anchors"},
	    {"a: 1\nb: [*x]\n", "x.yaml:2: ", "anchors"},
	    {"a: !!int 1\n", "x.yaml:1: ", "tags"},
	    {"\na: !t {b: c}\n", "x.yaml:2: ", "tags"},
	    {"\na: &l [b]\n", "x.yaml:2: ", "anchors"},
	    {"a: 1\n<<: {b: c}\n", "x.yaml:2: ", "merge"},
	    {"a: 1\nb: 2\na: 3\n", "x.yaml:3: ", "\"a\" stands on line 1 already"},
	    {"m: {k: 1, l: 2,\n  k: 3}\n", "x.yaml:2: ", "\"k\" stands on line 1 already"},
	    {"a: 1\n? [b]\n: 2\n", "x.yaml:2: ", "key"},
	    {"a: 1\n? {b: c}\n: 2\n", "x.yaml:2: ", "key"},
	    {"a: 1\n---\nb: 2\n", "x.yaml:2: ", "second document"},
	    {"a: 1\n b: 2\n", "x.yaml:2: ", ""},
	    {"a: [1, 2\nb: 3\n", "x.yaml:2: ", ""},
	    {"a: 1\n\tb: 2\n", "x.yaml:2: ", "a tab; YAML indents with blanks"},
	    {"a:\n  b: 1\n \tc: 2\n", "x.yaml:3: ", "a tab; YAML indents with blanks"},
	    {"a:\n\tb: 2", "x.yaml:2: ", "a tab; YAML indents with blanks"},
	    {"a: 1\nb: \"\\0\"\n", "x.yaml:2: ", "NUL"},
	    {"a: 1\nb: \xff\n", "x.yaml:", ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct yaml_node *root = NULL;
		struct err e = {.text = ""};
		if (load(rows[i].text, &root, &e) != RC_BAD)
			fail_msg("taken: %s", rows[i].text);
		assert_null(root);
		if (strncmp(e.text, rows[i].start, strlen(rows[i].start)) != 0 || strstr(e.text, rows[i].holds) == NULL)
			fail_msg("%s gives: %s", rows[i].text, e.text);
	}
}

static void depth_is_bounded(void **state)
{
	struct yaml_node *root = NULL;
	struct err e;
	assert_int_equal(load("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", &root, &e), RC_OK); /* 16 */
	yaml_tree_free(&root);
	assert_int_equal(load("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", &root, &e), RC_BAD);
	assert_non_null(strstr(e.text, "nested too deeply"));
	/* also when it never comes back */
	char *deep = malloc(200001);
	memset(deep, '[', 200000);
	deep[200000] = '\0';
	assert_int_equal(load(deep, &root, &e), RC_BAD);
	free(deep);
	assert_null(root);
}

/* A list of count entries. */
static enum rc load_list(int count, struct yaml_node **root, struct err *e)
{
	char *text = malloc((size_t)count * 4 + 1), *to = text;
	for (int i = 0; i < count; i++)
		to += sprintf(to, "- a\n");
	enum rc rc = load(text, root, e);
	free(text);
	return rc;
}

static void the_number_of_nodes_is_bounded(void **state)
{
	struct yaml_node *root = NULL;
	struct err e;
	assert_int_equal(load_list(99999, &root, &e), RC_OK);
	yaml_tree_free(&root);
	assert_int_equal(load_list(100000, &root, &e), RC_BAD);
	assert_non_null(strstr(e.text, "x.yaml:100000: too many"));
	assert_null(root);
}

static void many_keys_are_compared_quickly(void **state)
{
	struct yaml_node *root = NULL;
	struct err e;
	char *text = malloc(2000000), *to = text;
	for (int i = 0; i < 90000; i++)
		to += sprintf(to, "key%d: 1\n", i);
	sprintf(to, "key45000: 1\n");
	assert_int_equal(load(text, &root, &e), RC_BAD);
	assert_non_null(strstr(e.text, "x.yaml:90001: key \"key45000\" stands on line 45001 already"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_configuration_becomes_a_tree),
	    cmocka_unit_test(nothing_is_an_empty_map),
	    cmocka_unit_test(an_empty_value_is_empty_text),
	    cmocka_unit_test(what_is_refused_names_its_line),
	    cmocka_unit_test(depth_is_bounded),
	    cmocka_unit_test(the_number_of_nodes_is_bounded),
	    cmocka_unit_test(many_keys_are_compared_quickly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
