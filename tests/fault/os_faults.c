/*
 * os_faults: a library for LD_PRELOAD that makes the operating system fail under sluice: what a disk, a kernel or a
 * clock can do, at a place and for a time that a test chooses.
 *
 *     SLUICE_OS="errno=ENOSPC calls=write,create path=/lake/" SLUICE_OS_SWITCH=FILE LD_PRELOAD=… sluice run …
 *
 * errno: what the calls fail with; "short": they do half of their work instead; "slow:MS": they take that much longer.
 * calls: of read, write, create, open, sync, lock, with commas. path: part of the name of the file; none: any. below:
 * of writes at an offset only those that begin before that byte (LMDB's first two pages make its transactions true).
 * every: each n-th call that fits (1); the first that fits at all is the n-th.
 *
 * The switch is a file of three 64-bit numbers that all processes share: how many faults are still to happen (the test
 * sets it and counts it down to 0), how many have happened, and by how many seconds the wall clock is wrong.
 *
 * A sync that fails loses what it was to make durable: the bytes written to that file since the last good sync become
 * zeros, as after a power cut that came at the worst moment. A program that believes in them later reads zeros. (A
 * syncfs that fails only fails.)
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { READ = 1, WRITE = 2, CREATE = 4, OPEN = 8, SYNC = 16, LOCK = 32, KEPT = 65536, PATH_BYTES = 4096 };

struct shared {
	_Atomic int64_t left, happened, clock_s;
};

struct written { /* since the last good sync */
	dev_t dev;
	ino_t ino;
	off_t at;
	size_t len;
};

static struct shared *shared;
static int fault_errno, delay_ms;
static bool fault_short;
static unsigned calls, every = 1;
static off_t below = INT64_MAX;
static const char *path_part = "";
static _Atomic unsigned fitting;
static struct written written[KEPT];
static size_t written_count;
static pthread_mutex_t written_lock = PTHREAD_MUTEX_INITIALIZER;

static const struct {
	const char *name;
	unsigned bit;
} call_name[] = {{"read", READ}, {"write", WRITE}, {"create", CREATE}, {"open", OPEN}, {"sync", SYNC}, {"lock", LOCK}};

static const struct {
	const char *name;
	int number;
} errno_name[] = {
    {"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EINTR", EINTR}, {"EMFILE", EMFILE}, {"EDQUOT", EDQUOT}, {"ENOMEM", ENOMEM}};

/* The C library's, which is hidden by ours below. */
#define sys(...) next_syscall()(__VA_ARGS__)

static long (*next_syscall(void))(long, ...)
{
	static long (*next)(long, ...);
	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "syscall");
	return next;
}

static void bad(const char *what)
{
	fprintf(stderr, "SLUICE_OS: %s\n", what);
	abort();
}

static void take_errno(const char *value)
{
	fault_short = strcmp(value, "short") == 0;
	if (strncmp(value, "slow:", 5) == 0)
		delay_ms = atoi(value + 5);
	for (size_t i = 0; i < sizeof errno_name / sizeof errno_name[0]; i++)
		if (strcmp(value, errno_name[i].name) == 0)
			fault_errno = errno_name[i].number;
	if (!fault_short && delay_ms == 0 && fault_errno == 0)
		bad(value);
}

static void take_calls(char *value)
{
	char *rest = NULL;
	for (char *word = strtok_r(value, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
		unsigned before = calls;
		for (size_t i = 0; i < sizeof call_name / sizeof call_name[0]; i++)
			if (strcmp(word, call_name[i].name) == 0)
				calls |= call_name[i].bit;
		if (calls == before)
			bad(word);
	}
}

__attribute__((constructor)) static void begin(void)
{
	static char text[PATH_BYTES];
	const char *spec = getenv("SLUICE_OS"), *place = getenv("SLUICE_OS_SWITCH");
	if (place == NULL)
		return;
	int fd = (int)sys(SYS_openat, AT_FDCWD, place, O_RDWR | O_CLOEXEC);
	void *map = fd >= 0 ? mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (map == MAP_FAILED)
		bad(place);
	close(fd);
	char *rest = NULL;
	snprintf(text, sizeof text, "%s", spec != NULL ? spec : "");
	for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		char *value = strchr(word, '=');
		if (value == NULL)
			bad(word);
		*value++ = '\0';
		if (strcmp(word, "errno") == 0)
			take_errno(value);
		else if (strcmp(word, "calls") == 0)
			take_calls(value);
		else if (strcmp(word, "path") == 0)
			path_part = value;
		else if (strcmp(word, "every") == 0)
			every = (unsigned)atoi(value);
		else if (strcmp(word, "below") == 0)
			below = atoi(value);
		else
			bad(word);
	}
	shared = map;
}

static bool here(const char *path)
{
	return strstr(path, path_part) != NULL;
}

static bool fd_here(int fd)
{
	char link[64], path[PATH_BYTES];
	if (*path_part == '\0')
		return true;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = sys(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
	path[n > 0 ? n : 0] = '\0';
	return here(path);
}

/* A name below a folder that is open. */
static bool name_here(int dir, const char *path)
{
	return here(path) || (path[0] != '/' && dir != AT_FDCWD && fd_here(dir));
}

/* It is this call's turn. */
static bool now(void)
{
	if (atomic_fetch_add(&fitting, 1) % every != every - 1)
		return false;
	int64_t left = atomic_load(&shared->left);
	while (left > 0 && !atomic_compare_exchange_weak(&shared->left, &left, left - 1))
		;
	if (left <= 0)
		return false;
	atomic_fetch_add(&shared->happened, 1);
	return true;
}

static bool may(unsigned call)
{
	return shared != NULL && (calls & call) != 0 && atomic_load(&shared->left) > 0;
}

static void wait_ms(int ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
	(void)sys(SYS_nanosleep, &t, NULL);
}

/* True: the call fails, errno is set. */
static bool fails(unsigned call, bool fits)
{
	if (!may(call) || !fits || !now())
		return false;
	if (delay_ms > 0)
		wait_ms(delay_ms);
	errno = fault_errno;
	return fault_errno != 0;
}

/* How much of it is done. */
static size_t part(unsigned call, int fd, size_t size)
{
	return size > 1 && fault_short && may(call) && fd_here(fd) && now() ? size / 2 : size;
}

/* ---- bytes ---- */

static bool is_regular(int fd, struct stat *st)
{
	return sys(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH) == 0 && S_ISREG(st->st_mode);
}

/* What goes through a descriptor that is synchronous is durable already. */
static void note(int fd, off_t at, ssize_t len)
{
	struct stat st;
	if (len <= 0 || shared == NULL || (calls & SYNC) == 0 || !is_regular(fd, &st) ||
	    (fcntl(fd, F_GETFL) & O_DSYNC) != 0)
		return;
	pthread_mutex_lock(&written_lock);
	if (written_count < KEPT)
		written[written_count++] = (struct written){st.st_dev, st.st_ino, at, (size_t)len};
	pthread_mutex_unlock(&written_lock);
}

/* Forget what is durable now, or lose it. fd: its file, and with all every file there is. */
static void settle(int fd, bool all, bool lose)
{
	static const char zeros[65536];
	struct stat st = {0};
	if (!all && !is_regular(fd, &st))
		return;
	pthread_mutex_lock(&written_lock);
	size_t kept = 0;
	for (size_t i = 0; i < written_count; i++) {
		struct written *w = &written[i];
		if (!all && (w->dev != st.st_dev || w->ino != st.st_ino)) {
			written[kept++] = *w;
			continue;
		}
		for (size_t done = 0; lose && !all && done < w->len; done += sizeof zeros)
			(void)!sys(SYS_pwrite64, fd, zeros, w->len - done < sizeof zeros ? w->len - done : sizeof zeros,
			    w->at + (off_t)done);
	}
	written_count = kept;
	pthread_mutex_unlock(&written_lock);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
	if (fails(WRITE, fd > 2 && fd_here(fd)))
		return -1;
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t n = sys(SYS_write, fd, bytes, part(WRITE, fd, size));
	note(fd, at, n);
	return n;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
	if (fails(WRITE, at < below && fd_here(fd)))
		return -1;
	ssize_t n = sys(SYS_pwrite64, fd, bytes, part(WRITE, fd, size), at);
	note(fd, at, n);
	return n;
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t at)
{
	return pwrite(fd, bytes, size, at);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	if (fails(WRITE, fd > 2 && fd_here(fd)))
		return -1;
	off_t at = lseek(fd, 0, SEEK_CUR);
	bool less = count > 1 && part(WRITE, fd, 2) == 1;
	ssize_t n = sys(SYS_writev, fd, iov, less ? count / 2 : count);
	note(fd, at, n);
	return n;
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	if (fails(WRITE, at < below && fd_here(fd)))
		return -1;
	bool less = count > 1 && part(WRITE, fd, 2) == 1;
	ssize_t n = sys(SYS_pwritev, fd, iov, less ? count / 2 : count, at, 0);
	note(fd, at, n);
	return n;
}

ssize_t pwritev64(int fd, const struct iovec *iov, int count, off_t at)
{
	return pwritev(fd, iov, count, at);
}

ssize_t read(int fd, void *to, size_t size)
{
	return fails(READ, fd > 2 && fd_here(fd)) ? -1 : sys(SYS_read, fd, to, part(READ, fd, size));
}

ssize_t pread(int fd, void *to, size_t size, off_t at)
{
	return fails(READ, fd_here(fd)) ? -1 : sys(SYS_pread64, fd, to, part(READ, fd, size), at);
}

ssize_t pread64(int fd, void *to, size_t size, off_t at)
{
	return pread(fd, to, size, at);
}

/* What the compiler makes of read and pread into a buffer whose size it knows. */
ssize_t __read_chk(int fd, void *to, size_t size, size_t room)
{
	return size > room ? (abort(), -1) : read(fd, to, size);
}

ssize_t __pread64_chk(int fd, void *to, size_t size, off_t at, size_t room)
{
	return size > room ? (abort(), -1) : pread(fd, to, size, at);
}

/* ---- durable ---- */

static int synced(int fd, long call, bool all)
{
	if (fails(SYNC, fd_here(fd))) {
		int kept = errno;
		settle(fd, false, kept != EINTR);
		errno = kept;
		return -1;
	}
	int rc = (int)sys(call, fd);
	if (rc == 0)
		settle(fd, all, false);
	return rc;
}

int fsync(int fd)
{
	return synced(fd, SYS_fsync, false);
}

int fdatasync(int fd)
{
	return synced(fd, SYS_fdatasync, false);
}

int syncfs(int fd)
{
	return synced(fd, SYS_syncfs, true);
}

/* ---- names ---- */

static bool opening_fails(int dir, const char *path, long flags)
{
	return (may(OPEN) || may(CREATE)) && name_here(dir, path) &&
	       (((flags & O_CREAT) != 0 && fails(CREATE, true)) || fails(OPEN, true));
}

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
	return opening_fails(dir, path, flags) ? -1 : (int)sys(SYS_openat, dir, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list rest;
	va_start(rest, flags);
	mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return open_at(dir, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list rest;
	va_start(rest, flags);
	mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int dir, const char *path, int flags, ...) __attribute__((alias("openat")));

int __open_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

int __openat_2(int dir, const char *path, int flags)
{
	return open_at(dir, path, flags, 0);
}

/* The lake's folder opens its files this way. */
long syscall(long number, ...)
{
	long a[6];
	va_list rest;
	va_start(rest, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(rest, long);
	va_end(rest);
	if (number == SYS_openat2 &&
	    opening_fails((int)a[0], (const char *)a[1], (long)((const struct open_how *)a[2])->flags))
		return -1;
	return sys(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int flock(int fd, int operation)
{
	return fails(LOCK, fd_here(fd)) ? -1 : (int)sys(SYS_flock, fd, operation);
}

/* ---- time ---- */

int clock_gettime(clockid_t clock, struct timespec *out)
{
	int rc = (int)sys(SYS_clock_gettime, clock, out);
	if (rc == 0 && shared != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		out->tv_sec += atomic_load(&shared->clock_s);
	return rc;
}

int gettimeofday(struct timeval *out, void *zone)
{
	struct timespec t;
	int rc = clock_gettime(CLOCK_REALTIME, &t);
	*out = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
	return rc;
}

time_t time(time_t *out)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	if (out != NULL)
		*out = t.tv_sec;
	return t.tv_sec;
}
