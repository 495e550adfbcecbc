/*
 * proc: signals as flags, and processes by argument vector (never a shell).
 *
 * Signal flags and the wake-up descriptor are the other file-scope state we allow; they are set by handlers only.
 *
 * Thread  proc_signals once, at start, before threads; the rest any
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/rc.h"

enum { PROC_PATH = 4096 };

/* Install handlers for SIGTERM, SIGINT (stop), SIGHUP (reload), SIGUSR1 (nudge), SIGCHLD; ignore SIGPIPE. They
 * are unblocked: what waits is delivered now. */
void proc_signals(void);

int proc_stop_count(void);   /* how many SIGTERM or SIGINT so far: the second means at once */
bool proc_reload_take(void); /* a SIGHUP came since the last call */

/* Readable when any of the above came; poll it, then proc_wake_clear. */
int proc_wake_fd(void);
void proc_wake_clear(void);

/*
 * Start argv[0] (a path). env: its environment, ends with NULL; NULL: ours. keep_fd < 0 or a descriptor the child keeps
 * under the same number; everything else but 0, 1, 2 is closed. The child gets SIGKILL when this process dies
 * (PR_SET_PDEATHSIG): what it held is free at once for whoever comes next, and a kill loses nothing.
 */
enum rc proc_start(const char *const argv[], const char *const env[], int keep_fd, pid_t *pid, struct err *e) MUST_USE;

/* Likewise; what the child says on 1 and 2 goes to out_fd, and its 0 is /dev/null. */
enum rc proc_start_to(
    const char *const argv[], const char *const env[], int keep_fd, int out_fd, pid_t *pid, struct err *e) MUST_USE;

/* A path of the program that runs now, also when its file was replaced meanwhile. */
void proc_self(char out[PROC_PATH]);

/* A child that ended, was stopped or goes on, without waiting: RC_OK with its status, as of wait(2); RC_END if none. */
enum rc proc_reap(pid_t *pid, int *status);

/* "exit 3", "killed by signal 9 (Killed)", "stopped by SIGSTOP" */
const char *proc_status_text(int status, char *out, int size);

/* Anonymous and shared resident memory of a process in bytes (RssAnon + RssShmem), 0 if unreadable. pid 0: this one. */
uint64_t proc_memory(pid_t pid);

/* Anonymous memory of the children of a process that have this name, and of all processes below them: what they share
 * with it is counted with it. 0 where the kernel does not say whose children they are. */
uint64_t proc_memory_below(pid_t pid, const char *name);

/* Descriptors that this process has open, and the most it may have. When there is none left to count them with, all. */
uint64_t proc_files(uint64_t *most);

/* Let this process open up to `most` descriptors, or what the system allows if that is less; *got says which. */
enum rc proc_allow_files(uint64_t most, uint64_t *got, struct err *e) MUST_USE;

#endif
