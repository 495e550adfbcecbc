/* Every key that is a path goes through these. */
#include "app/folders.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

char *folders_of(const char *file)
{
	char here[PATH_MAX];
	char *whole = file[0] == '/' || getcwd(here, sizeof here) == NULL ? mem_text(file) : file_join(here, file);
	char *slash = strrchr(whole, '/');
	if (slash == whole)
		slash++;
	if (slash != NULL)
		*slash = '\0';
	return whole;
}

char *folders_from(const char *folder, const char *path)
{
	return path[0] == '/' ? mem_text(path) : file_join(folder, path);
}

void folders_tidy(char *path)
{
	char *to = path;
	for (const char *from = path; *from != '\0';) {
		if (from[0] == '/' && (from[1] == '/' || from[1] == '\0'))
			from++;
		else if (from[0] == '/' && from[1] == '.' && (from[2] == '/' || from[2] == '\0'))
			from += 2;
		else
			*to++ = *from++;
	}
	if (to == path)
		*to++ = '/';
	*to = '\0';
}

bool folders_inside(const char *path, const char *folder)
{
	size_t len = strlen(folder);
	return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0' || folder[len - 1] == '/');
}
