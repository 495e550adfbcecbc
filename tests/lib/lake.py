"""Checks a lake from outside, with foreign readers only: what tests mean by "nothing lost, nothing twice"."""
import collections
import glob
import hashlib
import json
import os
import re

import duckdb


def table(lake, dataset='flow'):
    """The table as DuckDB sees it; None when it has no file."""
    if not glob.glob(f'{lake}/{dataset}/hive/**/*.parquet', recursive=True):
        return None
    return f"read_parquet('{lake}/{dataset}/hive/**/*.parquet', hive_partitioning = true)"


def ids(lake, dataset='flow'):
    """The values of ibyt in sorted order: tests give each flow its own."""
    source = table(lake, dataset)
    return [] if source is None else [r[0] for r in duckdb.sql(f'select ibyt from {source} order by ibyt').fetchall()]


def manifests(lake):
    """Every manifest and history line: (files, originals) as lists of JSON objects."""
    files, originals, seen = [], [], set()
    for folder in ('commits', 'history'):
        for path in sorted(glob.glob(f'{lake}/_sluice/{folder}/**/*', recursive=True)):
            if not os.path.isfile(path):
                continue
            head = None
            with open(path, encoding='utf-8') as f:
                for line in f:
                    entry = json.loads(line)
                    if entry.get('sluice') == 'history':
                        continue  # the head of a segment; those of its manifests follow
                    if 'start' in entry and 'topic' in entry:
                        head = (entry['topic'], entry['partition'], entry['start'])
                        skip = head in seen
                        seen.add(head)
                    elif head is not None and not skip:
                        if 'file' in entry:
                            files.append(entry)
                        elif 'original' in entry:
                            originals.append(entry)
    return files, originals


def compactions(lake, dataset='flow'):
    """Every compaction and expiry of a dataset, oldest generation of an hour first: [(inputs, outputs)] as lists of JSON objects; an expiry has no outputs. Rows that do not add
    up are an error."""
    found = []
    for path in sorted(glob.glob(f'{lake}/_sluice/compactions/{dataset}/*/*')):
        with open(path, encoding='utf-8') as f:
            head, *lines, tail = [json.loads(line) for line in f]
        assert head['sluice'] in ('compaction', 'expiry') and tail['lines'] == len(lines) + 1, path
        inputs, outputs = [e for e in lines if 'input' in e], [e for e in lines if 'output' in e]
        assert len(inputs) + len(outputs) == len(lines), path
        if head['sluice'] == 'expiry':
            assert head['kind'] == 'table' and not outputs and all(e['rows'] == sum(n for _, n in e['of']) for e in inputs), path
        else:
            assert sum(e['rows'] for e in inputs) == sum(e['rows'] for e in outputs), path
        found.append((inputs, outputs))
    return found


def expired(lake, kind, dataset='flow'):
    """{path: line} of the rejects files or originals that went for their age."""
    found = {}
    for path in sorted(glob.glob(f'{lake}/_sluice/expired/{kind}/{dataset}/*/*')):
        with open(path, encoding='utf-8') as f:
            head, *lines, tail = [json.loads(line) for line in f]
        assert head['sluice'] == 'expiry' and tail['lines'] == len(lines) + 1, path
        found.update((unescape(e['input']), e) for e in lines)
    return found


def table_files(lake, dataset='flow'):
    """The files that a table must hold by what commits and compactions say: {path: manifest line}, and what contradicts itself."""
    wrong = []
    now = {f['file']: f for f in manifests(lake)[0] if f['dataset'] == dataset and f['kind'] == 'table'}
    for inputs, outputs in compactions(lake, dataset):
        for f in inputs:
            was = now.pop(f['input'], None)
            if was is None:
                wrong.append(f'compacted, but not there before: {f["input"]}')
            elif (was['size'], was['rows'], was['crc32']) != (f['size'], f['rows'], f['crc32']):
                wrong.append(f'a compaction took another file than was committed: {f["input"]}')
        now.update((f['output'], f) for f in outputs)
    return now, wrong


def unescape(name):
    """Undo sluice's escape of odd bytes in names."""
    raw = re.sub(rb'\\x([0-9a-f]{2})', lambda m: bytes([int(m.group(1), 16)]), name.encode())
    return os.fsdecode(raw)


def faults(lake, inputs, dataset='flow'):
    """What is wrong with a lake after everything was committed: a list of sentences, empty when all is well. inputs: {path: bytes}."""
    files, originals = manifests(lake)
    files = [f for f in files if f['file'].startswith(f'{dataset}/')]
    table_now, wrong = table_files(lake, dataset)
    listed = set(table_now)
    present = {os.path.relpath(p, lake) for p in glob.glob(f'{lake}/{dataset}/hive/**/*', recursive=True) if os.path.isfile(p)}
    wrong += [f'in the table without a manifest: {p}' for p in sorted(present - listed)]
    wrong += [f'in a manifest but not there: {p}' for p in sorted(listed - present)]
    sizes = {path: f['size'] for path, f in table_now.items()} | {f['file']: f['size'] for f in files if f['kind'] == 'rejects'}
    wrong += [f'size differs from manifest: {path}' for path, size in sizes.items()
              if os.path.exists(f'{lake}/{path}') and os.path.getsize(f'{lake}/{path}') != size]
    identity = [(o['pipeline'], o['original'], o.get('again', 0)) for o in originals]
    wrong += [f'committed twice: {i}' for i, count in collections.Counter(identity).items() if count > 1]
    wanted = {hashlib.sha256(b).hexdigest() for b in inputs.values()}
    have = {}
    for path in glob.glob(f'{glob.escape(str(lake))}/{dataset}/binary/**/*', recursive=True):
        if os.path.isfile(path):
            with open(path, 'rb') as f:
                have.setdefault(hashlib.sha256(f.read()).hexdigest(), []).append(path)
    wrong += [f'original missing: {h}' for h in sorted(wanted - set(have))]
    wrong += [f'original stored {len(p)} times: {h}' for h, p in have.items() if len(p) > 1]
    wrong += [f'original that nobody gave: {p}' for h, p in have.items() if h not in wanted]
    wrong += [f'original not in any manifest: {h}' for h in sorted(wanted - {i[1] for i in identity})]
    return wrong


def staging_left(lake):
    """Files left in staging: none once everything is committed and stopped."""
    return [p for p in glob.glob(f'{lake}/_sluice/staging/**/*', recursive=True) if os.path.isfile(p)]
