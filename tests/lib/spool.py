"""Inputs, configuration and processes for tests that run the program."""
import os
import signal
import subprocess
import time

import nfcapd

PIPELINES = {'nfcapd': 'flow', 'pcap-dns': 'dns', 'elff': 'proxy'}
HOUR_MS = 1_768_381_200_000  # 2026-01-14 09:00:00 UTC


class Spool:
    """A temporary place with a watched folder, a lake and a configuration of one pipeline."""

    def __init__(self, place, dissector='nfcapd', **keys):
        self.place, self.sluice = str(place), os.environ.get('SLUICE', 'build/sluice')
        self.watch, self.lake, self.config = (os.path.join(self.place, n) for n in ('spool', 'lake', 'sluice.yaml'))
        self.lake = keys.pop('lake', self.lake)
        url = keys.pop('url', f'file://{self.lake}')
        os.makedirs(self.watch, exist_ok=True)
        extra = ''.join(f'{k}: {v}\n' for k, v in keys.items())
        with open(self.config, 'w', encoding='utf-8') as f:
            f.write(f'lake: {url}\n{extra}pipelines:\n'
                    f'  {PIPELINES[dissector]}: {{ watch: {self.watch}, dissector: {dissector} }}\n')
        self.inputs, self.next_id = {}, 1

    def make(self, name, flows, hours=1, **kw):
        """The bytes of a file whose flows have ibyt values of their own; remembered as an input."""
        made = [nfcapd.flow(HOUR_MS + (i % hours) * 3_600_000 + i, bytes=self.next_id + i, src=f'10.{i % 7}.{i % 251}.{i % 13}', sport=1024 + i % 5000, **kw)
                for i in range(flows)]
        self.next_id += flows
        self.inputs[name] = nfcapd.file_v2(made)
        return self.inputs[name]

    def drop(self, name, content=None):
        """Write beside, then rename in: as nfcapd does."""
        content = self.inputs[name] if content is None else content
        target = os.path.join(self.watch, name)
        beside = os.path.join(self.watch, '.' + name + '.part')
        with open(beside, 'wb') as f:
            f.write(content)
        os.rename(beside, target)
        return target

    def expected(self):
        return list(range(1, self.next_id))

    def command(self, *words, timeout=120, **kw):
        return subprocess.run([self.sluice, words[0], '-c', self.config, *words[1:]], capture_output=True, text=True, timeout=timeout, check=False, **kw)

    def start(self, *words, **kw):
        log = open(os.path.join(self.place, 'log'), 'a', encoding='utf-8')
        return subprocess.Popen([self.sluice, words[0], '-c', self.config, *words[1:]], stdout=log, stderr=log, **kw)

    def log(self):
        path = os.path.join(self.place, 'log')
        return open(path, encoding='utf-8', errors='replace').read() if os.path.exists(path) else ''


def children(pid):
    try:
        with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


def below(pid):
    """The process and all below it: what its threads started, and what those did."""
    found = [pid]
    for one in found:
        try:
            for task in os.listdir(f'/proc/{one}/task'):
                with open(f'/proc/{one}/task/{task}/children', encoding='ascii') as f:
                    found += [int(p) for p in f.read().split()]
        except OSError:
            pass  # it is gone
    return found


def wait_for(condition, seconds=30, step=0.02):
    """Probe until true; False when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(step)
    return bool(condition())


def stop(process, seconds=30):
    """SIGTERM and wait; the exit status, or None when it had to be killed."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        for pid in children(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.kill()
        process.wait()
        return None
