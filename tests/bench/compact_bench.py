"""The compact section: an hour of 2,160 small table files, one every five seconds from three partitions, before and after `sluice compact`: how long DuckDB takes for a typical question, each time in a
new connection, and what the compaction costs."""
import glob
import os
import statistics
import time

import duckdb
from measure import SLUICE, cpu_of, place_for, record

FILES, FLOWS = 2160, 160
QUESTION = "select sip, sum(ibyt) from read_parquet('{}/flow/hive/**/*.parquet', hive_partitioning = true) where h = 9 group by sip order by 2 desc, 1 limit 10"


def asked(lake, times):
    """Seconds in the median, and the answer."""
    took = []
    for _ in range(times):
        with duckdb.connect() as db:
            began = time.monotonic()
            answer = db.sql(QUESTION.format(lake)).fetchall()
            took.append(time.monotonic() - began)
    return statistics.median(took), answer


def table_files(lake):
    files = glob.glob(f'{lake}/flow/hive/**/*.parquet', recursive=True)
    return len(files), sum(map(os.path.getsize, files))


def bench_compact(runs):
    print(f'compact: an hour of {FILES:,} table files of {FLOWS} flows')
    s = place_for('compact', workers=1, commit='{ max_events: 1 }', **{'compact.quiet': '0', 'compact.grace': '0'})
    for i in range(FILES):
        s.make(f'nfcapd.{202601140000 + i}', FLOWS)
        s.drop(f'nfcapd.{202601140000 + i}')
    cpu_of([SLUICE, 'run', '-c', s.config, '--once', '--quiet'])
    count, size = table_files(s.lake)
    before, answer = asked(s.lake, runs)
    cpu, wall = cpu_of([SLUICE, 'compact', '-c', s.config])
    after, same = asked(s.lake, runs)
    now, less = table_files(s.lake)
    assert answer == same and now == 1, (now, answer[:1], same[:1])
    note = f'load {os.getloadavg()[0]:.0f}'
    record('DuckDB, top talkers of the hour, small files', before * 1000, 'ms', '', f'{count:,} files, {size / 1e6:.1f} MB, {note}')
    record('the same, compacted', after * 1000, 'ms', '', f'{now} file, {less / 1e6:.1f} MB')
    record('times faster', before / after, 'x')
    record('compaction, CPU', cpu * 1000, 'ms', '', f'{FILES * FLOWS:,} rows, {wall:.1f} s of wall time')
