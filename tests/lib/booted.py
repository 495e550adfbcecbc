"""systemd as process 1 of a folder that is a machine's root: in namespaces of its own (processes, mounts, network, names, control groups), so that it sees and stops nothing of the machine that tests run on.

    with Booted(root) as machine:
        machine.run('systemctl', 'start', 'sluice')

Needs root, and the hierarchy of control groups that is called systemd (version 1) or the one of version 2 alone.
"""
import ctypes
import os
import signal
import subprocess
import tempfile
import time

V1, V2 = '/sys/fs/cgroup/systemd', '/sys/fs/cgroup'
CLONE_NEWNS, PR_SET_PDEATHSIG = 0x20000, 1
PATH = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C.UTF-8'}
# Run in the new namespaces. $1: the root, $2: the type of control groups, $3: its options.
BOOT = r'''
set -e
mount --make-rprivate /
mount --rbind "$1" "$1"
cd "$1"
mount -t proc proc proc
# Most of what it sets is the kernel's, not this machine's.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
if [ "$2" = cgroup ]; then
	mkdir sys/fs/cgroup/systemd
	mount -t cgroup -o "$3" cgroup sys/fs/cgroup/systemd
else
	umount sys/fs/cgroup
	mount -t cgroup2 cgroup2 sys/fs/cgroup
fi
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do
	: >dev/$name
	mount --bind /dev/$name dev/$name
done
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . /lib/systemd/systemd --unit=basic.target --log-target=null
'''


def why_not():
    if os.geteuid() != 0:
        return 'only root can start a systemd'
    if not os.path.exists('/lib/systemd/systemd'):
        return 'systemd is not installed'
    return '' if os.path.exists(f'{V1}/cgroup.procs') or os.path.exists(f'{V2}/cgroup.controllers') else 'there are no control groups that systemd could use'


def own_mounts():
    """What this process mounts from here on goes with it, however it ends."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), 'unshare')
    subprocess.run(['mount', '--make-rprivate', '/'], check=True)


class Booted:
    def __init__(self, root):
        self.root, self.process, self.pid = root, None, 0
        self.kind, top = ('cgroup', V1) if os.path.exists(f'{V1}/cgroup.procs') else ('cgroup2', V2)
        self.group = os.path.join(top, f'sluice-test-{os.getpid()}')

    def enter(self):
        """In the child: its own control group is what systemd takes for the whole. It ends with us."""
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        with open(f'{self.group}/cgroup.procs', 'w', encoding='ascii') as f:
            f.write(str(os.getpid()))

    def __enter__(self):
        os.mkdir(self.group)
        self.said = tempfile.TemporaryFile('w+', encoding='utf-8', errors='replace')
        self.process = subprocess.Popen(['unshare', '--mount', '--pid', '--fork', '--kill-child', '--uts', '--ipc', '--net', '--cgroup', 'sh', '-c', BOOT, 'boot', self.root, self.kind,
                                         'none,name=systemd'], preexec_fn=self.enter, stdin=subprocess.DEVNULL, stdout=self.said, stderr=self.said, start_new_session=True)
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            self.pid = self.pid or self.first_child()
            if self.pid and self.run('systemctl', 'is-system-running').stdout.strip() in ('running', 'degraded'):
                return self
            time.sleep(0.2)
        self.said.seek(0)
        said = self.said.read()
        self.__exit__()
        raise RuntimeError(f'systemd does not start: {said}')

    def first_child(self):
        with open(f'/proc/{self.process.pid}/task/{self.process.pid}/children', encoding='ascii') as f:
            return int((f.read().split() or ['0'])[0])

    def run(self, *words, timeout=120, stderr=subprocess.STDOUT):
        return subprocess.run(['nsenter', f'--target={self.pid}', '--mount', '--pid', '--uts', '--ipc', '--net', '--root', '--wd', *words], stdout=subprocess.PIPE, stderr=stderr,
                              text=True, timeout=timeout, check=False, env=PATH, stdin=subprocess.DEVNULL)

    def __exit__(self, *what):
        """With its process 1 everything in it is gone."""
        if self.pid and self.process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        elif self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.said.close()
        end = time.monotonic() + 10
        groups = [at for at, _, _ in os.walk(self.group, topdown=False)]
        while groups and time.monotonic() < end:
            for at in groups:
                try:
                    os.rmdir(at)
                except OSError:
                    time.sleep(0.05)
            groups = [at for at, _, _ in os.walk(self.group, topdown=False)]
