"""The five-minute tour as one program: collectors, an exporter, sluice, and SQL.

Four real nfcapd processes stand for four hours of a day: libfaketime shifts their clocks, so that several hours of slots arrive within seconds.
Everything talks to 127.0.0.1 and is stopped by its own process id.
"""
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import duckdb

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from exporter import Exporter  # noqa: E402

HOURS = 4
FLOWS_PER_HOUR = 120_000
BURSTS = 3
SLOT_SECONDS = 3
BOLD, DIM, OFF = ('\033[1m', '\033[2m', '\033[0m') if sys.stdout.isatty() and 'NO_COLOR' not in os.environ else ('', '', '')


def say(text):
    print(f'\n{BOLD}{text}{OFF}', flush=True)


def show(command):
    print(f'{DIM}$ {command}{OFF}', flush=True)


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def faketime_library():
    found = glob.glob('/usr/lib/*/faketime/libfaketime.so.1')
    return found[0] if found else None


class Collectors:
    """One nfcapd per hour, each with its clock set back and a folder of its own that it rotates into the watched one."""

    def __init__(self, spool, log):
        self.process, self.exporter = [], []
        library = faketime_library()
        for hour in range(HOURS if library else 1):
            offset = -3600 * (HOURS - 1 - hour) if library else 0
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

    def send(self, exporter):
        sent = 0
        for burst in range(BURSTS):
            sent += exporter.flows(FLOWS_PER_HOUR // BURSTS, start=burst * 500)
            time.sleep(SLOT_SECONDS)
        return sent

    def stop(self):
        for p in self.process:
            p.send_signal(signal.SIGTERM)
        for p in self.process:
            p.wait(20)


def status(sluice, config):
    done = subprocess.run([sluice, 'status', '-c', config, '--json'], capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode in (0, 1) and done.stdout else None


def main():
    sluice, place = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    began = time.time()
    shutil.rmtree(place, ignore_errors=True)
    spool, lake, config = (os.path.join(place, n) for n in ('spool', 'lake', 'sluice.yaml'))
    os.makedirs(spool)
    with open(config, 'w', encoding='utf-8') as f:
        f.write(f'lake: file://{lake}\ncommit: {{ max_age: 2s }}\npipelines:\n  flow: {{ watch: {spool}, dissector: nfcapd }}\n')
    log = open(os.path.join(place, 'nfcapd.log'), 'w', encoding='utf-8')
    run_log = open(os.path.join(place, 'sluice.log'), 'w', encoding='utf-8')

    say('1. A configuration: the folder that nfcapd writes to, and where the lake is')
    show(f'cat {os.path.relpath(config)}')
    print(open(config, encoding='utf-8').read().rstrip())

    say('2. sluice run watches the folder; real collectors write into it')
    show(f'{os.path.relpath(sluice)} run -c {os.path.relpath(config)} &')
    run = subprocess.Popen([sluice, 'run', '-c', config], stdout=run_log, stderr=run_log)
    collectors = Collectors(spool, log)
    print(f'{len(collectors.process)} nfcapd processes on 127.0.0.1, clocks an hour apart; exporters send NetFlow v5 and v9, IPv4 and IPv6')
    sent = []
    senders = [threading.Thread(target=lambda e=e: sent.append(collectors.send(e))) for e in collectors.exporter]
    try:
        for t in senders:
            t.start()
        while any(t.is_alive() for t in senders):
            progress(sluice, config, began)
            time.sleep(1.5)
        collectors.stop()
        wait_committed(sluice, config, spool, began)
        say('3. What became of every file')
        show(f'{os.path.relpath(sluice)} status -c {os.path.relpath(config)}')
        subprocess.run([sluice, 'status', '-c', config], check=False)
        queries(lake, sum(sent))
        trace(lake)
    finally:
        collectors.stop()
        run.send_signal(signal.SIGTERM)
        code = run.wait(30)
    say('6. Stopped')
    print(f'sluice run drained and left with status {code}; the demo took {time.time() - began:.0f} s')
    what_next(sluice, config, lake)
    return code


def progress(sluice, config, began):
    state = status(sluice, config)
    if state:
        c = state['pipelines'][0]
        print(f"  {time.time() - began:4.0f} s  files: {c['originals']} taken, {c['committed']} queryable   rows: {state['figures']['rows_committed']:,}",
              flush=True)


def wait_committed(sluice, config, spool, began):
    files = len(glob.glob(os.path.join(spool, '*', 'nfcapd.2*')))
    for _ in range(120):
        state = status(sluice, config)
        if state:
            c = state['pipelines'][0]
            if c['committed'] + c['refused'] + c['doubled'] >= files:
                progress(sluice, config, began)
                return
        time.sleep(0.5)
    sys.exit('demo: not all files were committed within a minute; see build/demo/sluice.log')


def queries(lake, sent):
    table = f"read_parquet('{os.path.relpath(lake)}/flow/hive/**/*.parquet', hive_partitioning = true)"
    say('4. SQL over the lake (DuckDB)')
    hours = f'select y, m, d, h, count(*) as flows, sum(ibyt) as bytes, count(distinct sip) as sources\nfrom {table}\ngroup by all order by all'
    show(hours)
    duckdb.sql(hours).show()
    talkers = f'select sip, dip, proto, dport, sum(ibyt) as bytes, count(*) as flows\nfrom {table}\ngroup by all order by bytes desc limit 5'
    show(talkers)
    duckdb.sql(talkers).show()
    rows = duckdb.sql(f'select count(*) from {table}').fetchall()[0][0]
    print(f'{sent:,} flows were sent, {rows:,} rows are in the table: {"none lost, none twice" if rows == sent else "NOT EQUAL"}')
    if rows != sent:
        sys.exit(1)


def trace(lake):
    """From the largest flow to the original that it came from, with nothing but the Parquet footer."""
    say('5. One row traced back to its original file')
    table = f"read_parquet('{lake}/flow/hive/**/*.parquet', hive_partitioning = true, filename = true, file_row_number = true)"
    row = duckdb.sql(f'select filename, file_row_number, treceived, sip, dip, sport, dport, proto, ibyt from {table} order by ibyt desc, filename limit 1').fetchall()[0]
    print('row:      ', ' '.join(str(v) for v in row[2:]))
    print('file:     ', os.path.relpath(row[0]), 'row', row[1])
    sources = duckdb.sql(f"select decode(value) from parquet_kv_metadata('{row[0]}') where decode(key) = 'sluice.sources'").fetchall()[0][0]
    sha = next(s for s, first, n in json.loads(sources) if first <= row[1] < first + n)
    print('original: ', sha, '(sha256, from the footer)')
    for path in glob.glob(f'{lake}/flow/binary/*/*/*'):
        digest = subprocess.run(['sha256sum', path], capture_output=True, text=True, check=True).stdout.split()[0]
        if digest == sha:
            print('lies in:  ', os.path.relpath(path))
            show(f"nfdump -r {os.path.relpath(path)} 'src ip {row[3]} and dst ip {row[4]} and src port {row[5]} and bytes = {row[8]}'")
            subprocess.run(['nfdump', '-q', '-r', path, '-o', 'long', f'src ip {row[3]} and dst ip {row[4]} and src port {row[5]} and bytes = {row[8]}'], check=False)
            return
    sys.exit('demo: the original is not in the lake')


def what_next(sluice, config, lake):
    s, c = os.path.relpath(sluice), os.path.relpath(config)
    say('Try next')
    print(f'''  {s} run -c {c} &            and kill -9 any of its processes; then
  {s} status -c {c}           what became of every file
  {s} dissect -t nfcapd -f json $(ls {os.path.relpath(lake)}/flow/binary/*/*/* | head -1) | head -3
  {s} load -c {c} -p flow DIR  backfill a folder of your own nfcapd files
  {s} schema --ddl hive flow''')


if __name__ == '__main__':
    sys.exit(main())
