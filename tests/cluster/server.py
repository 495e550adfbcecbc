"""One server process: started, stopped, killed and started again with its data. Its owner is the process that started it (supervise.py)."""
import ctypes
import os
import signal
import subprocess

PR_SET_PDEATHSIG = 1
STOP_S = 20

_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    """Runs in the child, between fork and exec. The parent must have one thread: the signal comes when the thread that forked ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def java(heap_mb, class_path, main, *words, flags=()):
    """The command line of a server, lean: one thread collects garbage, and the heap is small. SLUICE_BRIEF: it lives for minutes and serves no measurement, so
    nothing is compiled twice, which halves the processor time of its start."""
    brief = ['-XX:TieredStopAtLevel=1'] if 'SLUICE_BRIEF' in os.environ else []
    return ['java', f'-Xmx{heap_mb}m', '-XX:+UseSerialGC', '-XX:-UsePerfData', *brief, '-Djava.net.preferIPv4Stack=true', *flags, '-cp', class_path, main, *words]


class Server:
    """name     as tests call it
    command  what runs
    folder   its working folder; its output is appended to folder/../log/NAME.log
    prepare  a command that runs once, before the first start
    """

    def __init__(self, name, command, folder, prepare=None, env=None):
        self.name, self.command, self.folder, self.prepare = name, command, folder, prepare
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.log = os.path.join(os.path.dirname(folder), 'log', f'{name}.log')
        os.makedirs(folder, exist_ok=True)
        os.makedirs(os.path.dirname(self.log), exist_ok=True)

    def spawn(self, command=None):
        """Start a process; the server's own unless another command is given."""
        with open(self.log, 'ab') as log:
            return subprocess.Popen(command or self.command, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    start_new_session=True, preexec_fn=_die_with_parent)

    def start(self):
        if not self.alive():
            self.process = self.spawn()
        return self.process.pid

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def pid(self):
        return self.process.pid if self.alive() else None

    def kill(self):
        """As a crash: no word to the process."""
        if self.alive():
            self.process.kill()
            self.process.wait()

    def terminate(self):
        if self.alive():
            self.process.terminate()

    def stop(self, seconds=STOP_S):
        """In order; by force when it takes too long. Returns whether it went in order."""
        self.terminate()
        try:
            if self.process is not None:
                self.process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            self.kill()
            return False
