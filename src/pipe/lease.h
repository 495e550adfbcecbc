/*
 * lease: is a file that we only found, and did not see closed, still open for writing somewhere on this host?
 *
 * Thread  any
 */
#ifndef PIPE_LEASE_H
#define PIPE_LEASE_H

#include <stdbool.h>

/* True when some process has the file open for writing. False also where the system can't tell (network file systems, files of others). */
bool lease_writer(const char *path);

#endif
