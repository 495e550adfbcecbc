"""The proxy section: a made-up Blue Coat log to Parquet (snappy), sluice against DuckDB and pyarrow, one thread each.

The peers read the same records as blank-separated CSV with their directives stripped, keep the order of rows, and compute fulluri, which has no field of its
own in the log. Their time without importing the library is measured too, since sluice has none to import.
"""
import os
import statistics
import subprocess
import sys

from measure import CACHE, HERE, SLUICE, cpu_of, drop, place_for, pq_rows, record, warm, work_peak

LINES = 2_000_000
COLUMNS = ['p_date', 'p_time', 'duration', 'clientip', 'username', 'authgroup', 'exceptionid', 'filterresult', 'webcat', 'referer', 'respcode', 'action', 'reqmethod',
           'resconttype', 'urischeme', 'host', 'uriport', 'uripath', 'uriquery', 'uriextension', 'useragent', 'serverip', 'scbytes', 'csbytes', 'virusid', 'bcappname',
           'bcappoper']
NUMBERS = ('duration', 'scbytes', 'csbytes')

DUCKDB = '''
import duckdb, sys
db = duckdb.connect(); db.execute("SET threads=1; SET preserve_insertion_order=true")
columns = {c: "INTEGER" if c in %(numbers)r else "VARCHAR" for c in %(columns)r}
db.execute(f"""COPY (SELECT *, host || CASE WHEN length(uripath) > 1 THEN uripath ELSE '' END || CASE WHEN length(uriquery) > 1 THEN uriquery ELSE '' END AS fulluri
  FROM read_csv('{sys.argv[1]}', delim=' ', quote='"', header=false, auto_detect=false, nullstr='-', columns={columns}))
  TO '{sys.argv[2]}' (FORMAT parquet, CODEC 'snappy')""")
'''
PYARROW = '''
import pyarrow as pa, pyarrow.csv as csv, pyarrow.compute as pc, pyarrow.parquet as pq, sys
pa.set_cpu_count(1); pa.set_io_thread_count(1)
columns = %(columns)r
types = {c: pa.int32() if c in %(numbers)r else pa.string() for c in columns}
reader = csv.open_csv(sys.argv[1], csv.ReadOptions(column_names=columns, use_threads=False, block_size=16 << 20), csv.ParseOptions(delimiter=" "),
                      csv.ConvertOptions(column_types=types, null_values=["-"], strings_can_be_null=True))
writer = None
for batch in reader:
    t = pa.Table.from_batches([batch])
    longer = lambda c: pc.if_else(pc.greater(pc.fill_null(pc.utf8_length(t[c]), 0), 1), t[c], "")
    t = t.append_column("fulluri", pc.binary_join_element_wise(t["host"], longer("uripath"), longer("uriquery"), ""))
    writer = writer or pq.ParquetWriter(sys.argv[2], t.schema, compression="snappy")
    writer.write_table(t)
writer.close()
'''


def logs():
    """The log, and what the peers read, made once."""
    os.makedirs(CACHE, exist_ok=True)
    log, plain = (os.path.join(CACHE, f'proxy-{LINES}-1{suffix}.log') for suffix in ('', '-plain'))
    if not os.path.exists(plain):
        with open(log, 'wb') as f:
            subprocess.run([sys.executable, os.path.join(HERE, 'proxy_log.py'), str(LINES)], stdout=f, check=True)
        with open(log, 'rb') as f, open(plain + '.tmp', 'wb') as g:
            g.writelines(line for line in f if not line.startswith(b'#'))
        os.rename(plain + '.tmp', plain)
    return log, plain


def bench_proxy(runs):
    print('proxy: 2 M lines of 27 fields to Parquet, one thread, snappy, user + system seconds')
    log, plain = logs()
    s = place_for('proxy', dissector='elff', workers=1)
    out = os.path.join(s.place, 'out.parquet')
    fill = {'columns': COLUMNS, 'numbers': NUMBERS}
    ours = [SLUICE, 'dissect', '--unconfined', '-t', 'elff', '-f', 'parquet', '-o', out, log]
    commands = {'sluice': [*ours, '--no-hash'], 'sluice with sha256': ours, 'DuckDB': [sys.executable, '-c', DUCKDB % fill, plain, out],
                'pyarrow': [sys.executable, '-c', PYARROW % fill, plain, out]}
    idle = {'sluice': 0.0, 'sluice with sha256': 0.0, 'DuckDB': cpu_of([sys.executable, '-c', 'import duckdb'], one_cpu=True)[0],
            'pyarrow': cpu_of([sys.executable, '-c', 'import pyarrow.csv, pyarrow.compute, pyarrow.parquet'], one_cpu=True)[0]}
    seconds = {name: [] for name in commands}
    for path in (log, plain):
        warm(path)
    for _ in range(min(runs, 3)):
        for name, argv in commands.items():
            seconds[name].append(cpu_of(argv, one_cpu=True)[0] - idle[name])
            if pq_rows(out) != LINES:
                sys.exit(f'bench: {name} gave {pq_rows(out)} rows of {LINES}')
    for name in commands:
        seconds[name] = statistics.median(seconds[name])
        record(name, seconds[name], 's CPU', '', f'{LINES / seconds[name]:,.0f} lines/s, without {idle[name]:.2f} s of imports' if idle[name] else '')
    peer = min(seconds['DuckDB'], seconds['pyarrow'])
    record('ratio the faster of DuckDB and pyarrow / sluice', peer / seconds['sluice'], 'x', 'floor 2 aim 3', 'all hash nothing')
    record('the same with the sha256 of the input in the footer', peer / seconds['sluice with sha256'], 'x')
    drop(log, s, 'proxy.log')
    cpu_of([SLUICE, 'collect', '-c', s.config, '--once'])
    peak, status, wall = work_peak(s)
    record('memory of a worker', peak / 2**20, 'MiB', 'below 64', f'{wall:.1f} s, exit {status}')
