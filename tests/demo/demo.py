"""The five-minute tour as one program: collectors, an exporter, a DNS capture, a proxy log, sluice, and SQL."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import duckdb

from inputs import PACKETS, PIPELINES, Collectors, drop_in, write_capture, write_log
from telling import compare, progress, say, show, wait_committed

HOURS = 4


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
    collectors = Collectors(os.path.join(spool, 'flow'), log, HOURS)
    print(f'{len(collectors.process)} nfcapd processes on 127.0.0.1, clocks an hour apart; exporters send NetFlow v5 and v9, IPv4 and IPv6')
    given = {'dns': drop_in(os.path.join(spool, 'dns'), 'resolver.pcap', lambda path: write_capture(sluice, path)),
             'proxy': drop_in(os.path.join(spool, 'proxy'), 'proxy.log', write_log)}
    print(f"a capture of {PACKETS:,} packets with {given['dns']:,} DNS responses among other traffic; a proxy log of {given['proxy']:,} requests")
    try:
        print('A collector finishes a file every few seconds even when nothing came, so the first files are empty: queryable, without a row.')
        collectors.send()
        while collectors.sending():
            progress(sluice, config, began)
            time.sleep(1.5)
        collectors.stop()
        files = len(glob.glob(os.path.join(spool, 'flow', '*', 'nfcapd.2*'))) + 2
        wait_committed(sluice, config, files, began, 'build/demo/sluice.log')
        say('3. What became of every file')
        show(f'{os.path.relpath(sluice)} status -c {os.path.relpath(config)}')
        subprocess.run([sluice, 'status', '-c', config], check=False)
        given['flow'] = sum(collectors.sent)
        queries(lake)
        compare(given, {name: duckdb.sql(f'select count(*) from {table(lake, name)}').fetchall()[0][0] for name in given})
        trace(lake)
    finally:
        collectors.stop()
        run.send_signal(signal.SIGTERM)
        code = run.wait(30)
    say('6. Stopped')
    print(f'sluice run drained and left with status {code}; the demo took {time.time() - began:.0f} s')
    what_next(sluice, config, lake)
    return code


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
