"""A test's hold on a cluster: the one that tests/run started for all scripts (SLUICE_CLUSTER), or one of its own.

    with session('kafka', 'hdfs') as c:
        c.kafka.bootstrap            addresses, by part: see servers() of each part
        c.server('kafka').kill()     as a crash; .start() and .wait() bring it back; all come back at the end in any case
"""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import types

from .parts import PARTS, probe

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join(os.path.dirname(TESTS), 'build', 'cluster-logs')
START_S = 900  # the first one fetches everything


class Remote:
    """One server of the cluster."""

    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name

    def pid(self):
        """None while it is down."""
        return self.cluster.order('pids')[self.name]

    def start(self):
        self.cluster.order('start', self.name)
        return self

    def stop(self):
        """In order. Returns whether it did not have to be forced."""
        return self.cluster.order('stop', self.name)['orderly']

    def kill(self):
        self.cluster.order('kill', self.name)

    def pause(self):
        """As a machine that hangs: connections stay, nothing is answered."""
        os.kill(self.pid(), signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid(), signal.SIGCONT)

    def why_not_ready(self):
        """What its probe says; None when it is well."""
        part, ready = probe(self.name)
        try:
            ready(self.cluster.addresses[part])
        except Exception as e:  # pylint: disable=broad-except  # whatever a server says while it comes up, it is not up
            return repr(e)
        return None

    def wait(self, seconds=60):
        """Until it is well; raises TimeoutError. Returns the seconds it took."""
        start = time.monotonic()
        while True:
            reason = self.why_not_ready()
            if reason is None:
                return time.monotonic() - start
            if time.monotonic() > start + seconds:
                raise TimeoutError(f'{self.name} is not well after {seconds} s: {reason}')
            time.sleep(0.1)


class Cluster:
    """A connection to the supervisor of a cluster, and the addresses of its servers."""

    def __init__(self, run, parts=()):
        """parts: those that are used, all by default"""
        with open(f'{run}/state.json', encoding='utf-8') as f:
            state = json.load(f)
        self.run, self.supervisor, self.addresses, self.names = run, state['pid'], state['addresses'], state['servers']
        self.parts = parts or self.addresses.keys()
        for part, where in self.addresses.items():
            setattr(self, part, types.SimpleNamespace(**where))
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(f'{run}/socket')
        self.lines = self.socket.makefile('rwb', buffering=0)

    def order(self, word, server=None):
        self.lines.write(json.dumps({'do': word, 'server': server}).encode() + b'\n')
        answer = json.loads(self.lines.readline() or '{"error": "the supervisor is gone"}')
        if 'error' in answer:
            raise RuntimeError(f'{word} {server}: {answer["error"]}')
        return answer

    def server(self, name):
        assert name in self.names, f'{name}: there are {self.names}'
        return Remote(self, name)

    def wait(self, seconds=120):
        """Until every server of its parts is well; another test may have taken others down."""
        for name in self.names:
            if probe(name)[0] in self.parts:
                self.server(name).wait(seconds)

    def close(self):
        self.lines.close()
        self.socket.close()


def why_not():
    """Why no cluster can run here; empty when one can."""
    lacking = [program for program in ('java', 'mvn', 'openssl') if shutil.which(program) is None]
    return f'{" and ".join(lacking)} cannot be installed here' if lacking else ''


class Own:
    """A cluster of this process, which ends with it."""

    def __init__(self, parts, keep_alive=False):
        """keep_alive: it goes on when this process ends, until its supervisor gets SIGTERM"""
        self.run = tempfile.mkdtemp(prefix='sluice-cluster-')
        os.chmod(self.run, 0o755)
        command = [sys.executable, '-m', 'cluster.supervise', self.run, *([] if keep_alive else ['--stdin']), *parts]
        os.mkdir(f'{self.run}/log')
        with open(f'{self.run}/log/supervisor.log', 'wb') as log:
            self.process = subprocess.Popen(command, env={**os.environ, 'PYTHONPATH': TESTS, 'PYTHONDONTWRITEBYTECODE': '1'},
                                            stdin=subprocess.DEVNULL if keep_alive else subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)

    def wait(self, seconds=START_S):
        """Until all servers are well; raises RuntimeError with what the supervisor said."""
        end = time.monotonic() + seconds
        while not os.path.exists(f'{self.run}/state.json'):
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop(keep=True)
                raise RuntimeError(f'the cluster did not start: {self.said}; logs are in {self.logs}')
            time.sleep(0.05)
        return self

    def stop(self, keep=False):
        """End the servers. With keep the logs are moved to build/cluster-logs, and self.logs says where."""
        self.logs = self.said = None
        if keep and self.process.poll() is None:
            with contextlib.suppress(OSError, RuntimeError):
                cluster = Cluster(self.run)
                cluster.order('keep')
                cluster.close()
        if self.process.stdin:
            self.process.stdin.close()
        else:
            self.process.terminate()
        self.process.wait(120)
        if os.path.isdir(f'{self.run}/log'):
            os.makedirs(LOGS, exist_ok=True)
            self.logs = os.path.join(LOGS, f'{time.strftime("%Y%m%d-%H%M%S")}-{os.path.basename(self.run)}')
            shutil.move(f'{self.run}/log', self.logs)
            with open(f'{self.logs}/supervisor.log', encoding='utf-8') as f:
                self.said = f.read().strip()
        shutil.rmtree(self.run, ignore_errors=True)


@contextlib.contextmanager
def session(*parts):
    """The shared cluster when it has all parts, else a cluster of its own with just these. Its logs are kept when the test fails."""
    shared = os.environ.get('SLUICE_CLUSTER')
    assert all(p in PARTS for p in parts), parts
    own = None
    if shared:
        cluster = Cluster(shared, parts)
        if not all(p in cluster.addresses for p in parts):
            cluster.close()
            shared = None
    if not shared:
        own = Own(parts).wait()
        cluster = Cluster(own.run)
    failed = True
    try:
        cluster.wait()
        yield cluster
        failed = tap_failed()
    finally:
        cluster.close()
        if own:
            own.stop(keep=failed or 'SLUICE_KEEP' in os.environ)
            if own.logs:
                print(f'# logs of the servers: {own.logs}', flush=True)


def tap_failed():
    """Whether a check of this script has failed so far."""
    tap = sys.modules.get('tap')
    return tap is not None and tap._counts['failed'] > 0  # pylint: disable=protected-access
