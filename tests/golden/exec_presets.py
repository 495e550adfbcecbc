#!/usr/bin/env python3
"""Each built-in dissector against the `exec` preset of the tool that it stands in for: the same file, the same table, the same rows.

A difference is allowed only by a rule below, and every rule is a row of the table "Differences" in doc/exec.md. PAIRS lists what is compared; a pair whose built-in
dissector this build does not have is skipped by name.
"""
import csv
import glob
import os
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.environ.get('SLUICE_SOURCE', os.path.join(os.path.dirname(__file__), '..', '..'))
sys.path.insert(0, os.path.join(SOURCE, 'tests'))
sys.path.insert(0, os.path.join(SOURCE, 'tests', 'lib'))
import nfcapd  # noqa: E402
import tap  # noqa: E402

SLUICE = os.environ.get('SLUICE', os.path.join(SOURCE, 'build', 'sluice'))
DATA = os.environ.get('SLUICE_DATA', os.path.join(SOURCE, '..', 'shared', 'data'))
HOUR_MS = 1_768_381_200_000

USED = {}


def use(name):
    USED[name] = USED.get(name, 0) + 1
    return True


def dissect(dataset, kind, path, *options):
    words = [SLUICE, 'dissect', '-t', kind, '--schema', os.path.join(SOURCE, 'schema', dataset + '.avsc')]
    for o in options:
        words += ['-O', o]
    run = subprocess.run([*words, path], capture_output=True, text=True, encoding='utf-8', check=False)
    return list(csv.DictReader(run.stdout.split('\n'))), run


# ---- nfcapd against nfdump 1.7.1 ----

def nfdump_differs(column, ours, theirs, row):
    """Why this value may be another one there; False: it may not."""
    if column == 'tdur':
        return ours == '0' and float(theirs) > 1e15 and use('negative-duration')
    if column == 'rip' and theirs == '0.0.0.0':
        return use('exporter-by-record')
    if column == 'rip':
        return theirs == '::' + ours and use('exporter-mapped')
    if column in ('sip', 'dip'):
        return (theirs == '::' or theirs == '::' + ours) and use('both-families')
    return False


def nfdump_skips(ours, theirs, run):
    """A file that nfdump does not read: it says so on standard error, prints no row, and exits with 0."""
    if theirs:
        return False
    if 'said: ' in run.stderr:
        return use('not-read')
    return run.returncode == 0 and use('killed-writer')


def nfdump_tunnel(row, following):
    """The row of a tunnel that nfdump prints before the flow in it: without addresses, ports, packets, and without a received time."""
    return following is not None and [row[c] for c in ('sip', 'dip', 'sport', 'dport', 'ipkt', 'ibyt')] == ['0.0.0.0', '0.0.0.0', '0', '0', '0', '0'] and use('tunnel-row')


def nfdump_own(folder):
    """Files made here: every protocol, flags, both families, large numbers."""
    flows = [nfcapd.flow(HOUR_MS + i * 7919, proto=i, flags=i, sport=i * 257 % 65536, dport=65535 - i, bytes=i * 2**40 + i, packets=2**33 + i, stos=i, dtos=255 - i,
                         fwd=i % 192, dir=i % 2, sas=i * 1000, das=2**31 - 1 - i, src=f'2001:db8::{i:x}' if i % 3 else f'10.0.{i}.1',
                         dst=f'2001:db8:1::{i:x}:0' if i % 3 else '192.0.2.255', exporter=f'198.51.100.{i}', **{'in': i, 'out': 2**31 - 1 - i}) for i in range(256)]
    many = [nfcapd.flow(HOUR_MS + i * 1000 % 7_200_000, bytes=i, first=HOUR_MS + i, last=HOUR_MS + i + i % 5000) for i in range(20000)]
    for name, content in (('own-odd', flows), ('own-many', many), ('own-empty', [])):
        path = os.path.join(folder, name)
        with open(path, 'wb') as f:
            f.write(nfcapd.file_v2(content))
        yield path


# ---- pcap-dns against tshark 4.0 ----

# Names of 10_tcp.pcap whose messages only one side finds. Ours: out of order, or behind a hole, where tshark put nothing together. Theirs: behind a length of 0, and a length
# that ends the message in its header; we take neither for the beginning of a message in a stream that was not seen from its start.
TCP_OURS = {'t7.example.com', 't8.example.com', 't14.example.com', 't16.example.com', 't26.example.com', 't44.example.com'}
TCP_THEIRS = {'t19.example.com', ''}
FRAME = ('frame_time', 'frame_len', 'ip_src', 'ip_dst')


def tshark_merge(rows):
    """Messages of one frame are one row there: of each column what the first message that has it says."""
    merged = []
    for row in rows:
        if merged and row['frame_time'] and all(merged[-1][c] == row[c] for c in FRAME):
            merged[-1] = {c: merged[-1][c] or row[c] for c in row}
            use('messages-merged')
        else:
            merged.append(row)
    return merged


def tshark_order(rows):
    """In the order of time: what waits behind a hole of TCP comes out later here, with the time of its frame."""
    return sorted(rows, key=lambda r: (int(r['unix_tstamp'] or 0), r['frame_time']))


def tshark_differs(column, ours, theirs, row):
    return ours == '' and row['dns_qry_name'].startswith('\\[x') and use('bit-string')


def tshark_skips(ours, theirs, run):
    return not theirs and 'tshark: exit 2' in run.stderr and use('cut-capture')


def tshark_ours_only(path, row):
    return os.path.basename(path) == '10_tcp.pcap' and row['dns_qry_name'] in TCP_OURS and use('tcp-reassembled')


def tshark_theirs_only(path, row, following):
    return os.path.basename(path) == '10_tcp.pcap' and row['dns_qry_name'] in TCP_THEIRS and use('tcp-implausible')


def tshark_own(folder):
    """Traffic of every kind that the generator of the benchmarks knows: UDP, TCP, fragments, both families. It lasts an hour: with fewer packets, fragments of a datagram
    would be more than a minute apart, which tshark does not mind."""
    path = os.path.join(folder, 'own-mixed')
    subprocess.run([os.path.join(os.path.dirname(SLUICE), 'tests', 'bench', 'dns_capture'), '-n', '120000', path], check=True, stdout=subprocess.DEVNULL)
    yield path


DNS_FILES = ['01_*', '02_*', '03_*', '04_*', '05_*', '06_*', '07_cut_*', '07_pcap_*', '07_snaplen', '09_*', '10_*', '11_*']

PAIRS = [
    {'tool': 'nfdump', 'builtin': 'nfcapd', 'options': [], 'dataset': 'flow', 'own': nfdump_own, 'files': ['nfcapd/*.nfcapd', 'nfcapd-real/*.nfcapd'],
     'differs': nfdump_differs, 'skips': nfdump_skips, 'theirs_only': lambda path, row, following: nfdump_tunnel(row, following),
     'ours_only': lambda path, row: False, 'merge': lambda rows: rows, 'order': lambda rows: rows,
     'rules': ['negative-duration', 'exporter-by-record', 'exporter-mapped', 'both-families', 'not-read', 'killed-writer', 'tunnel-row']},
    {'tool': 'tshark', 'builtin': 'pcap-dns', 'options': ['compat=tshark'], 'dataset': 'dns', 'own': tshark_own,
     'files': [f'dns/{name}.pcap' for name in DNS_FILES] + ['dns/07_gzip.pcap.gz', 'dns/08_ng_basic.pcapng', 'dns/08_ng_big_sections.pcapng', 'dns/08_ng_mixed_link.pcapng'],
     'differs': tshark_differs, 'skips': tshark_skips, 'theirs_only': tshark_theirs_only, 'ours_only': tshark_ours_only, 'merge': tshark_merge, 'order': tshark_order,
     'rules': ['messages-merged', 'bit-string', 'cut-capture', 'tcp-reassembled', 'tcp-implausible']},
]


def compare(pair, path):
    """Differences as text lines."""
    ours, _ = dissect(pair['dataset'], pair['builtin'], path, *pair['options'])
    theirs, run = dissect(pair['dataset'], 'exec', path, 'preset=' + pair['tool'])
    if ours and pair['skips'](ours, theirs, run):
        return [], 0
    wrong, at = [], 0
    ours, theirs = pair['merge'](pair['order'](ours)), pair['order'](theirs)
    for number, row in enumerate(ours):
        while at < len(theirs) and theirs[at] != row and pair['theirs_only'](path, theirs[at], theirs[at + 1] if at + 1 < len(theirs) else None):
            at += 1
        if (at == len(theirs) or theirs[at] != row) and pair['ours_only'](path, row):
            continue
        if at == len(theirs):
            return wrong + [f'{len(ours) - number} rows more than theirs: {run.stderr[:300]}'], number
        wrong += [f'row {number}: {c} {row[c]!r} {theirs[at][c]!r}' for c in row if row[c] != theirs[at][c] and not pair['differs'](c, row[c], theirs[at][c], theirs[at])]
        at += 1
    return wrong + ([f'{len(theirs) - at} rows fewer than theirs'] if at < len(theirs) else []), len(ours)


def has_builtin(kind):
    r = subprocess.run([SLUICE, 'dissect', '-t', kind, os.devnull], capture_output=True, text=True, check=False)
    return 'unknown dissector' not in r.stderr


def run_pair(pair, folder):
    name = f'{pair["builtin"]} and {pair["tool"]}'
    if shutil.which(pair['tool']) is None:
        return tap.skip(name, pair['tool'] + ' is not installed')
    if not has_builtin(pair['builtin']):
        return tap.skip(name, f'this build has no {pair["builtin"]}')
    for path in pair['own'](folder):
        wrong, rows = compare(pair, path)
        tap.check(f'{name}: {os.path.basename(path)}: {rows} rows', not wrong, '\n'.join(wrong[:20]))
    found = [p for pattern in pair['files'] for p in sorted(glob.glob(os.path.join(DATA, pattern)))]
    if not found:
        return tap.skip(f'{name}: collected files', 'no SLUICE_DATA')
    wrong, rows = [], 0
    for path in found:
        more, n = compare(pair, path)
        wrong += [f'{os.path.basename(path)}: {line}' for line in more]
        rows += n
    tap.check(f'{name}: {len(found)} collected files', not wrong and rows > 0, '\n'.join(wrong[:40]))
    unused = [r for r in pair['rules'] if r not in USED]
    tap.check(f'{name}: every allowed difference was met', not unused, unused)
    return None


def main():
    with tempfile.TemporaryDirectory(prefix='sluice-presets-') as folder:
        for pair in PAIRS:
            run_pair(pair, folder)
    tap.done()


if __name__ == '__main__':
    main()
