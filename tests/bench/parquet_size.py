#!/usr/bin/env python3
"""Bytes a row takes in our Parquet files, and in those that pyarrow and DuckDB make of the same rows with equal codec, level and row groups.

    parquet_size.py [-c] [NFCAPD_FILE...]

Besides the files given, made-up flows are measured if tests/bench/parquet_bench lies beside the program. -c shows columns. Exit status 1: ours takes more somewhere.
What counts is the compressed size of the column chunks, page headers included, divided by the rows.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import duckdb
import pyarrow.parquet as pq

SLUICE = os.environ.get('SLUICE', 'build/sluice')
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(os.path.dirname(os.path.abspath(SLUICE)), 'tests', 'bench', 'parquet_bench')
ROW_GROUPS = (122_880, 1_048_576)
CODECS = {'snappy': None, 'zstd': 1}


def chunk_bytes(path):
    """{column: bytes}, and the rows."""
    meta, sizes = pq.read_metadata(path), {}
    for g in range(meta.num_row_groups):
        for c in range(meta.num_columns):
            chunk = meta.row_group(g).column(c)
            sizes[chunk.path_in_schema] = sizes.get(chunk.path_in_schema, 0) + chunk.total_compressed_size
    return sizes, meta.num_rows


def ours(source, out, codec, level, rows):
    if source is None:
        argv = [BENCH, '-n', str(2 << 20), '-c', codec, '-g', str(rows), '-o', out, os.path.join(SOURCE, 'schema', 'flow.avsc')]
    else:
        argv = [SLUICE, 'dissect', '--unconfined', '-t', 'nfcapd', '-f', 'parquet', '--codec', codec, '--row-group', str(rows), '-o', out, source]
        argv += ['--level', str(level)] if level else []
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def theirs(place, table, codec, level, rows):
    """Files of the others, by name."""
    paths = {name: os.path.join(place, name) for name in ('pyarrow', 'duckdb')}
    pq.write_table(table, paths['pyarrow'], compression=codec, compression_level=level, row_group_size=rows)
    db = duckdb.connect()
    db.register('rows', table)
    db.execute('set preserve_insertion_order = true')
    extra = f', compression_level {level}' if level else ''
    db.execute(f"copy (select * from rows) to '{paths['duckdb']}' (format parquet, codec '{codec}', row_group_size {rows}{extra})")
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-c', '--columns', action='store_true')
    parser.add_argument('file', nargs='*')
    args = parser.parse_args()
    sources = args.file + ([None] if os.path.exists(BENCH) else [])
    worse = False
    print(f'{"rows of":<24} {"codec":<7} {"row group":>9} {"ours":>8} {"pyarrow":>8} {"duckdb":>8}')
    with tempfile.TemporaryDirectory(prefix='sluice-size-') as place:
        for source in sources:
            for codec, level in CODECS.items():
                for rows in ROW_GROUPS:
                    mine = os.path.join(place, 'ours')
                    ours(source, mine, codec, level, rows)
                    paths = {'ours': mine, **theirs(place, pq.read_table(mine), codec, level, rows)}
                    sizes = {name: chunk_bytes(path)[0] for name, path in paths.items()}
                    count = chunk_bytes(mine)[1]
                    total = {name: sum(s.values()) / count for name, s in sizes.items()}
                    more = total['ours'] > min(total['pyarrow'], total['duckdb'])
                    worse |= more
                    name = 'made-up flows' if source is None else os.path.basename(source)
                    print(f'{name:<24} {codec:<7} {rows:>9} ' + ' '.join(f'{total[t]:8.3f}' for t in paths) + (' MORE' if more else ''), flush=True)
                    for column in sizes['ours'] if args.columns else ():
                        print(f'  {column:<39} ' + ' '.join(f'{sizes[t][column] / count:8.3f}' for t in paths))
    sys.exit(1 if worse else 0)


if __name__ == '__main__':
    main()
