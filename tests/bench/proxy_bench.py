#!/usr/bin/env python3
"""A made-up Blue Coat log to Parquet (snappy): sluice against DuckDB and pyarrow, CPU seconds on one thread each: proxy_bench.py [LINES].

The peers read the same records as blank-separated CSV with their directives stripped, keep the order of rows, and compute fulluri, which has no field of its
own in the log. Run it with the interpreter that tools/venv.sh names.
"""
import os
import resource
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SLUICE = os.environ.get('SLUICE', os.path.join(HERE, '..', '..', 'build', 'sluice'))
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


def cpu(argv):
    """CPU seconds of a command, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    lines = sys.argv[1] if len(sys.argv) > 1 else '2000000'
    fill = {'columns': COLUMNS, 'numbers': NUMBERS}
    with tempfile.TemporaryDirectory() as folder:
        log, plain, out = (os.path.join(folder, n) for n in ('proxy.log', 'plain.log', 'out.parquet'))
        with open(log, 'wb') as f:
            subprocess.run([sys.executable, os.path.join(HERE, 'proxy_log.py'), lines], stdout=f, check=True)
        with open(log, 'rb') as f, open(plain, 'wb') as g:
            g.writelines(line for line in f if not line.startswith(b'#'))
        seconds = {}
        for name, argv in (('sluice', [SLUICE, 'dissect', '-t', 'elff', '-f', 'parquet', '-o', out, log]), ('duckdb', [sys.executable, '-c', DUCKDB % fill, plain, out]),
                           ('pyarrow', [sys.executable, '-c', PYARROW % fill, plain, out])):
            seconds[name] = cpu(argv)
            print(f'{name}: {seconds[name]:.2f} s CPU, {os.path.getsize(out):,} bytes', flush=True)
        print(f'{lines} lines, {os.path.getsize(log):,} bytes; sluice is {min(seconds["duckdb"], seconds["pyarrow"]) / seconds["sluice"]:.2f} times the faster peer')


main()
