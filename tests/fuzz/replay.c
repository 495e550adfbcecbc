/*
 * Runs a fuzz entry over files, without libFuzzer: each file of the folders that are named, and the empty input. One
 * TAP line a file, printed before the next one begins, so that the one that ends the process is known. A folder that is
 * not there holds no files.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"
#include "fuzz.h"

enum { INPUT_MAX = 16 << 20, PATH = 4096 };

static unsigned run(unsigned number, const char *path)
{
	char *text;
	size_t size;
	struct err e;
	if (file_load(path, INPUT_MAX, &text, &size, &e) != RC_OK) {
		printf("not ok %u - %s: %s\n", number, path, e.text);
		return 1;
	}
	/* Of just its size, so that a sanitizer sees a byte too far. */
	uint8_t *bytes = mem_copy(text, size);
	mem_free(&text);
	printf("# next: %s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(bytes, size);
	mem_free(&bytes);
	printf("ok %u - %s\n", number, path);
	return 0;
}

static int only_files(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	unsigned number = 1, failed = 0;
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	printf("ok 1 - the empty input\n");
	for (int i = 1; i < argc; i++) {
		struct dirent **found = NULL;
		int n = scandir(argv[i], &found, only_files, alphasort);
		if (n < 0 && errno != ENOENT) {
			printf("not ok %u - %s\n", ++number, argv[i]);
			failed++;
		}
		for (int k = 0; k < n; k++) {
			char path[PATH];
			snprintf(path, sizeof path, "%s/%s", argv[i], found[k]->d_name);
			failed += run(++number, path);
			free(found[k]);
		}
		free(found);
	}
	printf("1..%u\n", number);
	return failed > 0;
}
