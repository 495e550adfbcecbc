/*
 * names: a directory comes in no order, so all of it is read, but only the max smallest names are kept.
 */
#include "store/local/names.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "store/least.h"

enum rc names_read(int dir, const char *after, size_t max, char ***names, size_t *count, struct err *e)
{
	DIR *d = fdopendir(dir);
	if (d == NULL) {
		int sys = errno;
		close(dir);
		return err_sys(RC_FAIL, sys, e, "cannot list");
	}
	struct least l = {.max = max};
	errno = 0;
	for (struct dirent *entry; (entry = readdir(d)) != NULL; errno = 0) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && (after == NULL || strcmp(name, after) > 0))
			least_add(&l, name);
	}
	int sys = errno;
	/*
	 * Who lists acts on the names, so they must last. A name is seen from the moment of its rename, and its writer
	 * may have died before it could sync. Best effort: a file system that can't has nothing to lose, and a
	 * read-only one has nothing to write.
	 */
	(void)fsync(dirfd(d));
	closedir(d);
	if (sys != 0) {
		least_fini(&l);
		return err_sys(RC_FAIL, sys, e, "cannot list");
	}
	least_take(&l, names, count);
	return RC_OK;
}
