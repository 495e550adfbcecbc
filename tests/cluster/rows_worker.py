"""The Spark worker as a process: driver, JVM and Python workers, killed together."""
import ctypes
import os
import re
import shlex
import signal
import subprocess
import time

from . import spark

ROOT = spark.ROOT
SLUICE = os.environ.get('SLUICE', f'{ROOT}/build/sluice')


def environment(folder):
    return os.environ | {'TMPDIR': folder, 'PYSPARK_PYTHON': spark.python(), 'PYSPARK_DRIVER_PYTHON': spark.python(), 'SPARK_HOME': spark.home(), 'SPARK_LOCAL_IP': '127.0.0.1',
                         'PYTHONDONTWRITEBYTECODE': '1'}


def command(config, folder, *words, memory='768m', brief=True):
    """The command that sluice check prints, with what loopback and few cores want. folder, brief: spark.java_options"""
    check = subprocess.run([SLUICE, 'check', '-c', config], capture_output=True, text=True, timeout=60, check=False)
    line = re.search(r'spark-submit .*', check.stdout)
    assert line, check.stdout + check.stderr
    argv = shlex.split(line[0])
    argv[argv.index('--jars') + 1] = spark.connectors()
    argv[argv.index('--driver-memory') + 1] = memory
    local = ['--master', 'local[2]', '--driver-java-options', spark.java_options(folder, brief)]
    for key, value in {'spark.driver.host': '127.0.0.1', 'spark.driver.bindAddress': '127.0.0.1', 'spark.ui.enabled': 'false',
                       'spark.sql.shuffle.partitions': '2', 'spark.log.level': 'ERROR'}.items():
        local += ['--conf', f'{key}={value}']
    return [os.path.join(spark.home(), 'bin', argv[0]), *local, *argv[1:], *words]


def end_with_us():
    """In the child: killed when its parent is gone, however that ended. What a dead JVM leaves ends by itself."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Worker:
    def __init__(self, config, log, *words, brief=True):
        self.log, folder = log, os.path.dirname(os.path.abspath(log))
        with open(log, 'ab') as out:
            self.begin = out.tell()
            self.process = subprocess.Popen(command(config, folder, *words, brief=brief), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env=environment(folder), start_new_session=True, preexec_fn=end_with_us)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def said(self):
        with open(self.log, encoding='utf-8', errors='replace') as f:
            f.seek(self.begin)
            return f.read()

    def lines(self):
        """Its own lines, without Spark's."""
        return [w for w in self.said().splitlines() if ' rows_worker: ' in w]

    def kill(self):
        """kill -9 of driver, JVM and tasks at once. Nothing is left."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        for pid in self.left():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def left(self):
        """Processes of its session: Python workers make groups of their own."""
        found = []
        for name in os.listdir('/proc'):
            if name.isdigit():
                try:
                    with open(f'/proc/{name}/stat', encoding='utf-8', errors='replace') as f:
                        fields = f.read().rpartition(')')[2].split()
                except OSError:
                    continue
                if int(fields[3]) == self.process.pid and fields[0] != 'Z':
                    found.append(int(name))
        return found

    def settled(self, place, seconds=300):
        """Wait until everything that the rows topic holds is committed; whether it is."""
        end = time.monotonic() + seconds
        self.until(' reads from ')
        while time.monotonic() < end and self.process.poll() is None and place.committed() != place.ends():
            time.sleep(0.5)
        return place.committed() == place.ends()

    def command_lines(self):
        """What a process list shows of it."""
        found = ''
        for pid in self.left():
            with open(f'/proc/{pid}/cmdline', encoding='utf-8', errors='replace') as f:
                found += f.read()
        return found

    def terminate(self):
        """SIGTERM to the driver's Python: Java's own hooks are not ours to test."""
        for pid in self.left():
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                words = f.read().split(b'\0')
            if b'python' in words[0] and any(w.endswith(b'rows_worker.py') for w in words[1:2]):
                os.kill(pid, signal.SIGTERM)

    def wait(self, seconds=300):
        """Exit status, None when it has to be killed first."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def until(self, text, seconds=240):
        """Wait for a line of it; whether it came."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            if re.search(text, self.said()):
                return True
            time.sleep(0.1)
        return bool(re.search(text, self.said()))
