"""More input than sluice can take, made fast; and what its processes use meanwhile."""
import json
import os
import struct
import subprocess
import threading
import time

import nfcapd
from samples import Flat
from spool import HOUR_MS, Spool

MARK = 0x1122334455667788
MIB = 1 << 20


def _template(hour):
    record = nfcapd.record_v2(nfcapd.flow(HOUR_MS + hour * 3_600_000, bytes=MARK))
    at = record.index(struct.pack('<Q', MARK))
    return record[:at], record[at + 8:]


def content(first, count, hours=1, per_block=8000):
    """An nfcapd file whose flows have the byte counts first, first + 1 …; hours: how many they are spread over."""
    parts = [_template(h) for h in range(hours)]
    records = [parts[i % hours][0] + struct.pack('<Q', first + i) + parts[i % hours][1] for i in range(count)]
    blocks = [nfcapd.block(records[i:i + per_block]) for i in range(0, count, per_block)]
    return struct.pack('<HHIqBBHIqII', 0xA50C, 2, 0x01070100, HOUR_MS // 1000, 0, 0, 0, 1, 0, 0, len(blocks)) + b''.join(blocks)


class Flood(Spool):
    """A Spool whose files are made by content(). Options of collect, commit … are nested as in the file: collect='{ … }'."""

    def put(self, count, hours=1, keep=True, name=None):
        """One file into the watched folder."""
        name = name or f'nfcapd.{len(self.inputs):07}'
        made = content(self.next_id, count, hours)
        self.next_id += count
        self.inputs[name] = made if keep else b''
        return self.drop(name, made)

    def status(self):
        """What `sluice status --json` says."""
        return json.loads(self.command('status', '--json').stdout)

    def budgets(self):
        return {b['key']: b for b in self.status()['budgets']}

    def rows(self):
        return self.status()['figures']['rows_committed']


def kib(pid, name='RssAnon'):
    """A line of /proc/PID/status in KiB; 0 when the process is gone."""
    try:
        with open(f'/proc/{pid}/status', encoding='ascii') as f:
            return next((int(line.split()[1]) for line in f if line.startswith(name + ':')), 0)
    except OSError:
        return 0


def descriptors(pid):
    try:
        return len(os.listdir(f'/proc/{pid}/fd'))
    except OSError:
        return 0


class Watch(threading.Thread):
    """Samples RssAnon and descriptors of processes until stopped: {name: pid}."""

    def __init__(self, pids, every_s=0.1):
        super().__init__(daemon=True)
        self.pids, self.every_s, self.ended = dict(pids), every_s, threading.Event()
        self.samples = {name: [] for name in pids}  # (seconds, KiB, descriptors)

    def run(self):
        began = time.monotonic()
        while not self.ended.wait(self.every_s):
            for name, pid in self.pids.items():
                if (memory := kib(pid)) > 0:
                    self.samples[name].append((time.monotonic() - began, memory, descriptors(pid)))

    def stop(self):
        self.ended.set()
        self.join()
        return self

    def flat(self, name):
        """The judgement on a long span (samples.Flat), by some hundred of its samples."""
        return Flat([(*s, 0) for s in self.samples[name][::max(1, len(self.samples[name]) // 360)]])

    def most(self, name, what=1):
        return max((s[what] for s in self.samples[name]), default=0)

    def growth(self, name, after_s, before_s=float('inf')):
        """KiB by which the second half of a span is above the first: what leaks keeps growing, what is used again does not."""
        span = [s[1] for s in self.samples[name] if after_s <= s[0] <= before_s]
        half = len(span) // 2
        return max(span[half:], default=0) - max(span[:half], default=0) if half else 0


def parts_of(run):
    """The processes of a `sluice run`: {'collector': pid, 'worker': pid}."""
    found = {}
    out = subprocess.run(['ps', '-o', 'pid=,args=', '--ppid', str(run.pid)], capture_output=True, text=True, check=False).stdout
    for line in out.splitlines():
        pid, args = line.split(None, 1)
        for word, name in ((' collect ', 'collector'), (' work ', 'worker')):
            if word in args + ' ':
                found[name] = int(pid)
    return found
