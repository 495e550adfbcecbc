"""What the demos take in: real nfcapd collectors with exporters, a DNS capture, a proxy log.

Several nfcapd processes stand for as many hours of a day: libfaketime shifts their clocks, so that several hours of slots arrive within seconds.
Everything talks to 127.0.0.1 and is stopped by its own process id.
"""
import glob
import os
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import proxy  # noqa: E402
from exporter import Exporter  # noqa: E402

FLOWS_PER_HOUR = 120_000
BURSTS = 3
SLOT_SECONDS = 3
PACKETS = 200_000
REQUESTS = 50_000
DAY = 1_768_381_200  # 2026-01-14 09:00:00 UTC, when the capture and the proxy log begin
PIPELINES = {'flow': 'nfcapd', 'dns': 'pcap-dns', 'proxy': 'elff'}  # each with its dissector


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def faketime_library():
    found = glob.glob('/usr/lib/*/faketime/libfaketime.so.1')
    return found[0] if found else None


class Collectors:
    """One nfcapd per hour, each with its clock set back and a folder of its own that it rotates into the watched one."""

    def __init__(self, spool, log, hours):
        self.process, self.exporter, self.sender, self.sent = [], [], [], []
        library = faketime_library()
        for hour in range(hours if library else 1):
            offset = -3600 * (hours - 1 - hour) if library else 0
            folder = os.path.join(spool, f'router{hour + 1}')
            os.mkdir(folder)
            port = free_port()
            env = dict(os.environ, TZ='UTC')
            if offset:
                env.update(LD_PRELOAD=library, FAKETIME=f'{offset}s')
            self.process.append(subprocess.Popen(['nfcapd', '-w', folder, '-b', '127.0.0.1', '-p', str(port), '-t', str(SLOT_SECONDS), '-y', '-B', '8000000',
                                                  '-I', f'router{hour + 1}'], env=env, stdout=log, stderr=log))
            self.exporter.append(Exporter(port, 5 if hour == 0 else 9, seed=hour, packets=1500, clock_offset=offset))
        time.sleep(0.5)

    def send(self):
        """The exporters begin."""
        self.sender = [threading.Thread(target=self._send, args=(e,)) for e in self.exporter]
        for t in self.sender:
            t.start()

    def _send(self, exporter):
        for burst in range(BURSTS):
            self.sent.append(exporter.flows(FLOWS_PER_HOUR // BURSTS, start=burst * 500))
            time.sleep(SLOT_SECONDS)

    def sending(self):
        return any(t.is_alive() for t in self.sender)

    def stop(self):
        for p in self.process:
            p.send_signal(signal.SIGTERM)
        for p in self.process:
            p.wait(20)


def drop_in(folder, name, make):
    """Makes a file beside a watched folder and renames it in, as a tool does that finishes its files."""
    beside = f'{folder}.{name}'
    made = make(beside)
    os.rename(beside, os.path.join(folder, name))
    return made


def write_capture(sluice, path):
    """A capture of mixed traffic; how many DNS responses it holds."""
    program = os.path.join(os.path.dirname(sluice), 'tests', 'bench', 'dns_capture')
    lines = subprocess.run([program, '-n', str(PACKETS), path], capture_output=True, text=True, check=True).stdout.splitlines()
    return int(dict(line.split('\t') for line in lines)['responses'])


def write_log(path):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(proxy.log(REQUESTS, DAY, 3600))
    return REQUESTS
