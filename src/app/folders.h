/*
 * folders: paths as a configuration writes them, and how two of them lie to each other. Nothing is looked at on a disk.
 *
 * Thread  plain functions
 */
#ifndef APP_FOLDERS_H
#define APP_FOLDERS_H

#include <stdbool.h>

/* The folder of a file, absolute: children of the supervisor may run elsewhere. The caller's. */
char *folders_of(const char *file);

/* A path that begins in folder unless it is absolute. The caller's. */
char *folders_from(const char *folder, const char *path);

/* "/a/./b//c/" becomes "/a/b/c": what two paths are compared by. ".." stays: it may cross a symbolic link. */
void folders_tidy(char *path);

/* Both tidy. A folder lies inside itself. */
bool folders_inside(const char *path, const char *folder);

#endif
