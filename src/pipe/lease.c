/*
 * The kernel gives a read lease only on a file that nobody has open for writing (fcntl(2), F_SETLEASE): that is the whole question. The lease is given
 * back at once; who opens the file for writing in between waits for that moment and notices nothing.
 */
#include "pipe/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

bool lease_writer(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	/* Somebody who opens it meanwhile breaks the lease: the signal for that must be one that is ignored by default, SIGIO is not. */
	bool writer = fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, F_RDLCK) != 0 && errno == EAGAIN;
	close(fd);
	return writer;
}
