/*
 * store_client: a store as a program, for tests that break what is behind it. Reads commands, one a line, words
 * separated by tabs and escaped as names are in our messages; prints "rc TAB text" for each.
 *
 *   store_client SCHEME PLACE [KEY=VALUE …]
 *
 *   stage PATH FILE          write FILE under PATH: create, write, close, sync
 *   group PREFIX COUNT SIZE  so many files of that size share a sync: PREFIX/0 …
 *   drop PATH FILE           write, then abandon
 *   put PATH TEXT            put if absent
 *   move FROM TO             publish
 *   get PATH FILE            read as a stream into FILE; says how many bytes
 *   range PATH OFFSET SIZE   says the bytes, escaped
 *   ls PREFIX AFTER MAX      names, escaped, between tabs; AFTER may be empty
 *   rm PATH                  remove
 *   stat PATH                size, or "directory"
 *   describe                 what `sluice check` says
 *   memory                   peak of this process that belongs to it alone, bytes
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/writer.h"
#include "store/store.h"

enum { WORDS = 4, BLOCK = 256 << 10, OPTIONS = 16 };

static struct store *store;
static uint64_t peak;

/* RssAnon of now: what is mapped from files may be dropped by the kernel. */
static void note_memory(void)
{
	char *text = NULL;
	size_t size = 0;
	struct err e;
	if (file_load("/proc/self/status", 1 << 16, &text, &size, &e) != RC_OK)
		return;
	const char *line = strstr(text, "RssAnon:");
	uint64_t now = line != NULL ? strtoull(line + 8, NULL, 10) * 1024 : 0;
	peak = now > peak ? now : peak;
	mem_free(&text);
}

static void say(enum rc rc, const char *text)
{
	printf("%s\t%s\n", rc_name(rc), text);
	fflush(stdout);
}

static enum rc write_file(struct store_file *f, const char *file, uint64_t *total, struct err *e)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(RC_BAD, e, "no file %s", file);
	uint8_t *block = mem_alloc(BLOCK);
	enum rc rc = RC_OK;
	ssize_t n;
	for (unsigned i = 0; rc == RC_OK && (n = read(fd, block, BLOCK)) > 0; i++) {
		rc = store_write(store, f, block, (size_t)n, e);
		*total += (uint64_t)n;
		if (i % 64 == 0)
			note_memory();
	}
	mem_free(&block);
	close(fd);
	return rc;
}

static enum rc stage(const char *path, const char *file, bool keep, struct err *e)
{
	struct store_file *f = NULL;
	uint64_t total = 0;
	enum rc rc = store_create(store, path, &f, e);
	if (rc == RC_OK)
		rc = write_file(f, file, &total, e);
	if (rc == RC_OK && keep)
		rc = store_close_file(store, f, total, e);
	if (rc == RC_OK && keep)
		return store_sync(store, &f, 1, e);
	store_abandon(store, &f);
	return rc;
}

static enum rc group(const char *prefix, size_t count, size_t size, struct err *e)
{
	struct store_file **f = mem_zero(count, sizeof *f);
	uint8_t *block = mem_zero(size + 1, 1);
	enum rc rc = RC_OK;
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		char *path = mem_format("%s/%zu", prefix, i);
		rc = store_create(store, path, &f[i], e);
		if (rc == RC_OK)
			rc = store_write(store, f[i], block, size, e);
		if (rc == RC_OK)
			rc = store_close_file(store, f[i], size, e);
		note_memory();
		mem_free(&path);
	}
	if (rc == RC_OK)
		rc = store_sync(store, f, count, e);
	for (size_t i = 0; i < count; i++)
		store_abandon(store, &f[i]);
	mem_free(&block);
	mem_free(&f);
	return rc;
}

static enum rc get(const char *path, const char *file, char *text, size_t room, struct err *e)
{
	struct source *s = NULL;
	uint64_t total = 0;
	size_t got = 0;
	enum rc rc = store_read(store, path, &s, e);
	if (rc != RC_OK)
		return rc;
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	uint8_t *block = mem_alloc(BLOCK);
	for (unsigned i = 0; (rc = source_read(s, block, BLOCK, &got, e)) == RC_OK; i++) {
		if ((rc = file_write(fd, block, got, e)) != RC_OK)
			break;
		total += got;
		if (i % 64 == 0)
			note_memory();
	}
	mem_free(&block);
	source_close(&s);
	close(fd);
	snprintf(text, room, "%llu", (unsigned long long)total);
	return rc == RC_END ? RC_OK : rc;
}

static enum rc range(const char *path, uint64_t offset, size_t size, struct writer *out, struct err *e)
{
	char *bytes = mem_alloc(size + 1), *shown = mem_alloc(4 * size + 1);
	size_t got = 0;
	enum rc rc = store_get_range(store, path, offset, bytes, size, &got, e);
	if (rc == RC_OK)
		writer_put(out, shown, str_escape(bytes, got, shown));
	mem_free(&bytes);
	mem_free(&shown);
	return rc;
}

static enum rc ls(const char *prefix, const char *after, size_t max, struct writer *out, struct err *e)
{
	char **names = NULL;
	size_t count = 0;
	enum rc rc = store_list(store, prefix, after[0] != '\0' ? after : NULL, max, &names, &count, e);
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		char shown[4 * 255 + 1];
		size_t n = str_escape(names[i], strlen(names[i]), shown);
		writer_text(out, i > 0 ? "\t" : "");
		writer_put(out, shown, n);
	}
	if (rc == RC_OK)
		store_list_free(&names, count);
	return rc;
}

static void run(char *word[WORDS])
{
	struct err e = {.text = ""};
	struct store_stat st;
	size_t done = 0;
	char text[600] = "";
	struct writer out;
	enum rc rc = RC_BAD;
	writer_init(&out, 64 << 20);
	const char *c = word[0];
	if (strcmp(c, "stage") == 0)
		rc = stage(word[1], word[2], true, &e);
	else if (strcmp(c, "drop") == 0)
		rc = stage(word[1], word[2], false, &e);
	else if (strcmp(c, "group") == 0)
		rc = group(word[1], strtoul(word[2], NULL, 10), strtoul(word[3], NULL, 10), &e);
	else if (strcmp(c, "put") == 0)
		rc = store_put_if_absent(store, word[1], word[2], strlen(word[2]), &e);
	else if (strcmp(c, "move") == 0)
		rc = store_publish(store, &(struct store_move){word[1], word[2]}, 1, &done, &e);
	else if (strcmp(c, "get") == 0)
		rc = get(word[1], word[2], text, sizeof text, &e);
	else if (strcmp(c, "range") == 0)
		rc = range(word[1], strtoull(word[2], NULL, 10), strtoul(word[3], NULL, 10), &out, &e);
	else if (strcmp(c, "ls") == 0)
		rc = ls(word[1], word[2], strtoul(word[3], NULL, 10), &out, &e);
	else if (strcmp(c, "rm") == 0)
		rc = store_remove(store, (const char *const *)&word[1], 1, &e);
	else if (strcmp(c, "describe") == 0)
		rc = store_describe(store, text, sizeof text, &e);
	else if (strcmp(c, "stat") == 0 && (rc = store_stat(store, word[1], &st, &e)) == RC_OK)
		snprintf(text, sizeof text, st.directory ? "directory" : "%llu", (unsigned long long)st.size);
	else if (strcmp(c, "memory") == 0) {
		rc = RC_OK;
		note_memory();
		snprintf(text, sizeof text, "%llu", (unsigned long long)peak);
	}
	writer_u8(&out, '\0');
	say(rc, rc != RC_OK ? e.text : text[0] != '\0' ? text : (const char *)out.bytes);
	writer_fini(&out);
}

int main(int argc, char **argv)
{
	const struct store_ops *const ops[] = {&store_local, &store_webhdfs, &store_webhdfs_ssl};
	struct store_option option[OPTIONS];
	struct err e;
	size_t options = 0, capacity = 0;
	char *line = NULL;
	enum rc rc = RC_BAD;
	for (int i = 3; i < argc && options < OPTIONS; i++) {
		char *equals = strchr(argv[i], '=');
		if (equals == NULL)
			return 2;
		*equals = '\0';
		option[options++] = (struct store_option){argv[i], equals + 1};
	}
	for (size_t i = 0; i < sizeof ops / sizeof ops[0] && argc >= 3; i++)
		if (strcmp(ops[i]->scheme, argv[1]) == 0)
			rc = store_open(ops[i], argv[2], option, options, &store, &e);
	say(rc, rc == RC_OK ? "open" : e.text);
	while (rc == RC_OK && getline(&line, &capacity, stdin) > 0) {
		char *word[WORDS] = {line, line, line, line};
		char *at = line;
		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; i < WORDS && at != NULL; i++) {
			size_t len = 0;
			word[i] = strsep(&at, "\t");
			if (!str_unescape(word[i], word[i], strlen(word[i]) + 1, &len))
				return 2;
			word[i][len] = '\0';
		}
		for (size_t i = 1; i < WORDS; i++)
			if (word[i] == line)
				word[i] = line + strlen(line);
		run(word);
	}
	free(line);
	store_close(&store);
	return rc == RC_OK ? 0 : 1;
}
