"""The five-minute tour as one program: collectors, an exporter, a DNS capture, a proxy log, sluice, and SQL.

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
import proxy  # noqa: E402
from exporter import Exporter  # noqa: E402

HOURS = 4
FLOWS_PER_HOUR = 120_000
BURSTS = 3
SLOT_SECONDS = 3
PACKETS = 200_000
REQUESTS = 50_000
DAY = 1_768_381_200  # 2026-01-14 09:00:00 UTC, when the capture and the proxy log begin
PIPELINES = {'flow': 'nfcapd', 'dns': 'pcap-dns', 'proxy': 'elff'}  # each with its dissector
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


def status(sluice, config):
    done = subprocess.run([sluice, 'status', '-c', config, '--json'], capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode in (0, 1) and done.stdout else None


def main():
    sluice, place = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    began = time.time()
    shutil.rmtree(place, ignore_errors=True)
    spool, lake, config = (os.path.join(place, n) for n in ('spool', 'lake', 'sluice.yaml'))
    for name in PIPELINES:
        os.makedirs(os.path.join(spool, name))
    with open(config, 'w', encoding='utf-8') as f:
        f.write(f'lake: file://{lake}\ncommit: {{ max_age: 2s }}\npipelines:\n')
        f.writelines(f'  {name + ":":<6} {{ watch: {spool}/{name}, dissector: {dissector} }}\n' for name, dissector in PIPELINES.items())
    log = open(os.path.join(place, 'nfcapd.log'), 'w', encoding='utf-8')
    run_log = open(os.path.join(place, 'sluice.log'), 'w', encoding='utf-8')

    say('1. A configuration: the folders that tools write to, and where the lake is')
    show(f'cat {os.path.relpath(config)}')
    print(open(config, encoding='utf-8').read().rstrip())

    say('2. sluice run watches the folders; real collectors write into one, a capture and a proxy log arrive in the others')
    show(f'{os.path.relpath(sluice)} run -c {os.path.relpath(config)} &')
    run = subprocess.Popen([sluice, 'run', '-c', config], stdout=run_log, stderr=run_log)
    collectors = Collectors(os.path.join(spool, 'flow'), log)
    print(f'{len(collectors.process)} nfcapd processes on 127.0.0.1, clocks an hour apart; exporters send NetFlow v5 and v9, IPv4 and IPv6')
    given = {'dns': drop_in(os.path.join(spool, 'dns'), 'resolver.pcap', lambda path: write_capture(sluice, path)),
             'proxy': drop_in(os.path.join(spool, 'proxy'), 'proxy.log', write_log)}
    print(f"a capture of {PACKETS:,} packets with {given['dns']:,} DNS responses among other traffic; a proxy log of {given['proxy']:,} requests")
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
        given['flow'] = sum(sent)
        queries(lake)
        count(lake, given)
        trace(lake)
    finally:
        collectors.stop()
        run.send_signal(signal.SIGTERM)
        code = run.wait(30)
    say('6. Stopped')
    print(f'sluice run drained and left with status {code}; the demo took {time.time() - began:.0f} s')
    what_next(sluice, config, lake)
    return code


def totals(state):
    """Files taken, and files that came to an end, over all pipelines."""
    lines = state['pipelines']
    return sum(p['originals'] for p in lines), sum(p['committed'] for p in lines), sum(p['refused'] + p['doubled'] for p in lines)


def progress(sluice, config, began):
    state = status(sluice, config)
    if state:
        taken, committed, _ = totals(state)
        print(f"  {time.time() - began:4.0f} s  files: {taken:>3} taken, {committed:>3} queryable   rows: {state['figures']['rows_committed']:>9,}", flush=True)


def wait_committed(sluice, config, spool, began):
    files = len(glob.glob(os.path.join(spool, 'flow', '*', 'nfcapd.2*'))) + 2
    for _ in range(120):
        state = status(sluice, config)
        if state:
            _, committed, other = totals(state)
            if committed + other >= files:
                progress(sluice, config, began)
                return
        time.sleep(0.5)
    sys.exit('demo: not all files were committed within a minute; see build/demo/sluice.log')


def table(lake, dataset):
    return f"read_parquet('{os.path.relpath(lake)}/{dataset}/hive/**/*.parquet', hive_partitioning = true)"


def ask(title, query):
    print(f'\n{title}')
    show(query)
    duckdb.sql(query).show()


def queries(lake):
    flow, dns, web = (table(lake, name) for name in PIPELINES)
    say('4. SQL over the lake (DuckDB)')
    ask('Flows: how much in each hour', f'select y, m, d, h, count(*) as flows, sum(ibyt) as bytes, count(distinct sip) as sources\nfrom {flow}\ngroup by all order by all')
    ask('Flows: the top talkers', f'select sip, dip, proto, dport, sum(ibyt) as bytes, count(*) as flows\nfrom {flow}\ngroup by all order by bytes desc limit 5')
    ask('DNS: domains that say most often that a name does not exist (NXDOMAIN)', f'select dns_qry_name as domain, count(*) as answers, count(distinct ip_dst) as clients\n'
        f'from {dns}\nwhere dns_qry_rcode = 3 group by all order by answers desc, domain limit 5')
    ask('DNS: the names answered most often', f'select dns_qry_name as name, any_value(dns_a) as address, count(*) as answers, count(distinct ip_dst) as clients\n'
        f'from {dns}\nwhere dns_qry_rcode = 0 group by all order by answers desc, name limit 5')
    ask('Proxy: what was blocked', f'select webcat as category, host, count(*) as requests, count(distinct clientip) as clients\nfrom {web}\n'
        "where filterresult = 'DENIED' group by all order by requests desc limit 5")


def count(lake, given):
    wrong = 0
    for name, sent in sorted(given.items()):
        rows = duckdb.sql(f'select count(*) from {table(lake, name)}').fetchall()[0][0]
        wrong += rows != sent
        print(f'{name:<5}  {sent:>9,} given, {rows:>9,} rows in the table: {"none lost, none twice" if rows == sent else "NOT EQUAL"}')
    if wrong:
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
