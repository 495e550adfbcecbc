/*
 * A filter of four instructions beside the jail's: libseccomp's would make listener and jail at once, and the listener
 * has to leave before the jail takes descriptors and sendmsg away. The kernel follows the stricter of two filters.
 */
#include "confine/notice.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers that this may be built with. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#define SET_FLAGS        _IOW('!', 4, uint64_t)
#define FLAG_SYNC_WAKEUP UINT64_C(1)

/* Needed by nobody here, and refused by no filter around us, of a unit or a container: a refusal comes before a notice.
 */
int notice_call(void)
{
	return SYS_getpgid;
}

/* Structs of another size are of another kernel than this was built for. */
static bool sizes_known(void)
{
	struct seccomp_notif_sizes sizes;
	return syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0 &&
	       sizes.seccomp_notif == sizeof(struct seccomp_notif) &&
	       sizes.seccomp_notif_resp == sizeof(struct seccomp_notif_resp);
}

int notice_listener(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
	unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	return sizes_known() ? (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) : -1;
}

bool notice_stand(uint64_t offset)
{
	return syscall(SYS_getpgid, offset) == 0;
}

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

bool notice_send(int socket, int fd)
{
	char byte = 0;
	union control control = {.bytes = {0}};
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
	if (fd >= 0) {
		head.msg_control = control.bytes;
		head.msg_controllen = sizeof control.bytes;
		struct cmsghdr *c = CMSG_FIRSTHDR(&head);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	ssize_t n;
	do
		n = sendmsg(socket, &head, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

enum rc notice_receive(int socket, int *fd)
{
	char byte;
	union control control;
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr head = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	ssize_t n;
	do
		n = recvmsg(socket, &head, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? RC_AGAIN : RC_END;
	const struct cmsghdr *c = CMSG_FIRSTHDR(&head);
	*fd = -1;
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof *fd))
		memcpy(fd, CMSG_DATA(c), sizeof *fd);
	/* A switch to whoever is waked, on this processor: we are about to wait. Older kernels do without. */
	if (*fd >= 0)
		(void)ioctl(*fd, SET_FLAGS, FLAG_SYNC_WAKEUP);
	return RC_OK;
}

enum rc notice_take(int listener, pid_t pid, struct notice *out)
{
	struct seccomp_notif n;
	int rc;
	do {
		memset(&n, 0, sizeof n);
		rc = ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n);
	} while (rc != 0 && errno == EINTR);
	if (rc != 0)
		return RC_AGAIN;
	*out = (struct notice){.id = n.id, .offset = n.data.args[0]};
	return n.pid == (uint32_t)pid ? RC_OK : RC_BAD;
}

bool notice_answer(int listener, uint64_t id)
{
	struct seccomp_notif_resp r = {.id = id};
	int rc;
	do
		rc = ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
	while (rc != 0 && errno == EINTR);
	return rc == 0;
}
