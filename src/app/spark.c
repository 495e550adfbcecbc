/* The worker's files lie beside the source when the program runs from its build folder, else where they were installed.
 */
#include "app/spark.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/writer.h"

enum { COMMAND_MAX = 64 << 10 };

/* A word of a shell's command line. */
static void put_word(struct writer *w, const char *text)
{
	if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=@%+,-") == strlen(text)) {
		writer_text(w, text);
		return;
	}
	writer_u8(w, '\'');
	for (; *text != '\0'; text++)
		if (*text == '\'')
			writer_text(w, "'\\''");
		else
			writer_u8(w, (uint8_t)*text);
	writer_u8(w, '\'');
}

static bool has_worker(const char *folder)
{
	char *script = file_join(folder, "rows_worker.py");
	bool there = access(script, R_OK) == 0;
	mem_free(&script);
	return there;
}

/* <folder of the program>/../spark, made plain; NULL: not there. Caller frees. */
static char *beside_program(void)
{
	char program[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
	if (n <= 0)
		return NULL;
	program[n] = '\0';
	*strrchr(program, '/') = '\0';
	char *guess = file_join(program, "../spark");
	char *plain = realpath(guess, NULL);
	mem_free(&guess);
	if (plain == NULL || !has_worker(plain)) {
		free(plain);
		return NULL;
	}
	char *out = mem_text(plain);
	free(plain); /* from realpath */
	return out;
}

enum rc spark_command(const char *file, char **out, struct err *e)
{
	struct writer w;
	size_t len;
	char *folder = beside_program();
	if (folder == NULL)
		folder = mem_text(SLUICE_SHARE "/spark");
	char *config = realpath(file, NULL), *script = file_join(folder, "rows_worker.py");
	char *jars = file_join(folder, "jars/*.jar");
	enum rc rc = RC_OK;
	if (!has_worker(folder))
		rc = err_set(RC_BAD, e, "%.600s: the Spark worker is not installed there", script);
	else if (config == NULL)
		rc = err_sys(RC_BAD, errno, e, "%.600s", file);
	if (rc == RC_OK) {
		writer_init(&w, COMMAND_MAX);
		writer_text(&w, "spark-submit --driver-memory 1g --jars ");
		put_word(&w, jars);
		writer_u8(&w, ' ');
		put_word(&w, script);
		writer_text(&w, " -c ");
		put_word(&w, config);
		writer_u8(&w, 0);
		*out = (char *)writer_take(&w, &len);
	}
	free(config); /* from realpath */
	mem_free(&folder);
	mem_free(&script);
	mem_free(&jars);
	return rc;
}
