/* Files without names: a command wants something it can seek in, and nothing may be left behind whatever dies. */
#include "exec/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { CHUNK = 128 << 10 };

static const char *folder(void)
{
	const char *dir = getenv("TMPDIR");
	return dir != NULL && dir[0] != '\0' ? dir : "/tmp";
}

/* For file systems without O_TMPFILE: the name lives for a moment. */
static int open_named(const char *dir)
{
	char *path = mem_format("%s/sluice-XXXXXX", dir);
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	int sys = errno;
	mem_free(&path);
	errno = sys;
	return fd;
}

enum rc spool_open(int *out, struct err *e)
{
	const char *dir = folder();
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL))
		fd = open_named(dir);
	if (fd < 0)
		return err_sys(RC_FAIL, errno, e, "no temporary file in %.200s (TMPDIR)", dir);
	*out = fd;
	return RC_OK;
}

enum rc spool_fill(struct source *src, int *out, struct err *e)
{
	int fd = -1;
	enum rc rc = spool_open(&fd, e);
	if (rc != RC_OK)
		return rc;
	uint8_t *chunk = mem_alloc(CHUNK);
	size_t got;
	while ((rc = source_read(src, chunk, CHUNK, &got, e)) == RC_OK)
		if ((rc = file_write(fd, chunk, got, e)) != RC_OK) {
			err_wrap(rc, e, "spooling the input to %.200s (TMPDIR)", folder());
			break;
		}
	mem_free(&chunk);
	if (rc == RC_END) {
		*out = fd;
		return RC_OK;
	}
	close(fd);
	return rc;
}
