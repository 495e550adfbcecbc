#!/usr/bin/env python3
"""The pcap-dns dissector in `compat: tshark` against tshark 4.0's Spot command, column by column, frame by frame.

For the files of `dns` the oracle is tshark's text that lies beside them; for those of `pcap` tshark itself runs here (skipped by name where there is none, or another
version). A difference is allowed only by a rule below, and every rule is a row of the table "Differences from tshark" in doc/formats/dns.md.
"""
import calendar
import collections
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ.get('SLUICE_SOURCE', os.path.join(os.path.dirname(__file__), '..', '..'))
sys.path.insert(0, os.path.join(SOURCE, 'tests'))
import tap  # noqa: E402

SLUICE = os.environ.get('SLUICE', os.path.join(SOURCE, 'build', 'sluice'))
DATA = os.environ.get('SLUICE_DATA', os.path.join(SOURCE, '..', 'shared', 'data'))
COLUMNS = ['frame_time', 'unix_tstamp', 'frame_len', 'ip_src', 'ip_dst', 'dns_qry_name', 'dns_qry_type', 'dns_qry_class', 'dns_qry_rcode', 'dns_a']
FIELDS = ['frame.time', 'frame.time_epoch', 'frame.len', 'ip.src', 'ip.dst', 'dns.resp.name', 'dns.resp.type', 'dns.resp.class', 'dns.flags.rcode', 'dns.a']
EXTRA = [('frame_number', 'long', 'frame_number'), ('transport', 'int', 'transport'), ('src_port', 'int', 'src_port'), ('dst_port', 'int', 'dst_port')]
TCP = 6

RULES = collections.Counter()
# What is known of single frames: file, frame -> rule. Each was looked at by hand; the rule says what tshark does there and why we don't.
KNOWN = {
    ('02_names.pcap', 38): 'bit-string-label',
    ('07_bad_caplen.pcap', 1): 'rows-before-damage',
    ('07_times.pcap', 8): 'fraction-carried',
    ('07_times.pcap', 9): 'fraction-carried',
    ('pcapplusplus__clusterfuzz-testcase-FuzzTarget-5188876846235648.pcap', 1): 'fraction-carried',
    ('pcapplusplus__clusterfuzz-testcase-minimized-FuzzTarget-5654053026791424.pcap', 1): 'fraction-carried',
    ('08_ng_spb.pcapng', 3): 'custom-blocks-are-no-frames',
    ('08_ng_spb.pcapng', 4): 'custom-blocks-are-no-frames',
    ('08_ng_tsresol.pcapng', 6): 'time-overflow-of-tshark',
    ('08_ng_tsresol.pcapng', 12): 'time-overflow-of-tshark',
    ('10_tcp.pcap', 30): 'joined-with-a-lying-length',
}
# Files whose DNS stands in something that is no transport of ours: tshark's rows without one of ours.
CARRIED = {
    'suricata-verify__app-layer-protocol-exact.pcap': 'dns-over-http',
    'suricata-verify__dns-over-http2-post_dns_over_https_POST.pcap': 'dns-over-http',
}


def schema(folder):
    with open(os.path.join(SOURCE, 'schema', 'dns.avsc'), encoding='utf-8') as f:
        table = json.load(f)
    table['fields'] += [{'name': n, 'type': ['null', t], 'default': None, 'from': c} for n, t, c in EXTRA]
    path = os.path.join(folder, 'dns.avsc')
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(table, f)
    return path


def ours(path, avsc):
    """frame -> rows, each a dictionary of texts ('' for null)."""
    run = subprocess.run([SLUICE, 'dissect', '-t', 'pcap-dns', '-O', 'compat=tshark', '-f', 'json', '--schema', avsc, path], capture_output=True, check=False)
    frames = collections.defaultdict(list)
    for line in run.stdout.decode('utf-8').splitlines():
        row = {k: '' if v is None else str(v) for k, v in json.loads(line).items()}
        frames[int(row['frame_number'])].append(row)
    return frames, run


def row_of(pieces):
    """tshark's pieces as our columns: the time without its comma, whole seconds."""
    stamp, epoch = pieces[0].replace(',', ''), pieces[1]
    return dict(zip(COLUMNS, [stamp, str(int(epoch.split('.')[0])) if epoch else '', *pieces[2:]]))


def stored(path):
    """frame -> tshark's row, from the text beside a file. A comma inside a name adds pieces: those around it are parsed from both ends."""
    with open(path + '.spot.csv', encoding='utf-8', newline='') as f:
        lines = f.read().split('\n')[1:-1]
    with open(path + '.wide.tsv', encoding='utf-8', newline='') as f:
        numbers = [int(line.split('\t')[0]) for line in f.read().split('\n')[1:-1]]
    frames = {}
    for number, line in zip(numbers, lines):
        piece = line.split(',')
        # a frame without a time has no comma in it either
        head = [','.join(piece[:2]), *piece[2:6]] if piece[0] else ['', *piece[1:5]]
        used = 6 if piece[0] else 5
        frames[number] = row_of([*head[:5], ','.join(piece[used:-4]), *piece[-4:]])
    return frames


def live(path):
    """The same from tshark itself, with tabs, which it never prints inside a value."""
    command = ['tshark', '-r', path, '-E', 'occurrence=f', '-T', 'fields', '-e', 'frame.number']
    for field in FIELDS:
        command += ['-e', field]
    run = subprocess.run([*command, '-Y', 'dns.flags.response == 1'], capture_output=True, check=False, env={**os.environ, 'TZ': 'UTC', 'LC_ALL': 'C.UTF-8'})
    frames = {}
    for line in run.stdout.decode('utf-8').split('\n')[:-1]:
        piece = line.split('\t')
        frames[int(piece[0])] = row_of(piece[1:])
    return frames


def used(rule):
    RULES[rule] += 1
    return True


def differs(want, row):
    return {c: (want[c], row[c]) for c in COLUMNS if want[c] != row[c]}


def merged(want, rows):
    """One row of tshark that shows, for each column, the first of several messages that has it."""
    first = {c: next((r[c] for r in rows if r[c] != ''), '') for c in COLUMNS}
    return not differs(want, first)


def judge(name, number, want, rows):
    """None, or what is wrong with this frame."""
    known = KNOWN.get((name, number)) or (CARRIED.get(name) if not rows else None)
    if want is not None and len(rows) == 1 and not differs(want, rows[0]):
        return None
    if want is not None and len(rows) > 1 and merged(want, rows):
        used('messages-merged')
        return None
    if known is not None:
        used(known)
        return None
    if want is None and rows[0]['transport'] == str(TCP):
        used('tcp-reassembled')
        return None
    if want is None:
        return f'frame {number}: tshark has no row, we have {rows}'
    if not rows:
        return f'frame {number}: we have no row, tshark has {want}'
    return f'frame {number}: {differs(want, rows[0])}' + (f' and {len(rows)} rows' if len(rows) > 1 else '')


def compare(path, want, avsc):
    name = os.path.basename(path)
    rows, run = ours(path, avsc)
    wrong = [] if run.returncode in (0, 1) else [f'exit status {run.returncode}: {run.stderr.decode()[-300:]}']
    for number in sorted(set(rows) | set(want)):
        trouble = judge(name, number, want.get(number), rows.get(number, []))
        if trouble:
            wrong.append(trouble)
    tap.check(f'{name}: {len(want)} rows of tshark', not wrong, '\n'.join(wrong[:12]))
    return len(want), sum(len(r) for r in rows.values())


def tshark_is_40():
    try:
        first = subprocess.run(['tshark', '--version'], capture_output=True, text=True, check=False).stdout.split('\n')[0]
    except OSError:
        return False
    return re.match(r'TShark \(Wireshark\) 4\.0\.', first) is not None


def main():
    if not os.path.isdir(os.path.join(DATA, 'dns')):
        tap.skip('tshark oracle', 'no shared data')
        tap.done()
    theirs = mine = 0
    with tempfile.TemporaryDirectory() as folder:
        avsc = schema(folder)
        for text in sorted(glob.glob(os.path.join(DATA, 'dns', '*.spot.csv'))):
            path = text[:-len('.spot.csv')]
            n, m = compare(path, stored(path), avsc)
            theirs, mine = theirs + n, mine + m
        if tshark_is_40():
            for path in sorted(glob.glob(os.path.join(DATA, 'pcap', '**', '*.*'), recursive=True)):
                if path.endswith(('.tsv', '.xz')):
                    continue
                n, m = compare(path, live(path), avsc)
                theirs, mine = theirs + n, mine + m
        else:
            tap.skip('captures of pcap/ against tshark itself', 'tshark 4.0 is not here')
    print(f'# {theirs} rows of tshark, {mine} of ours; ' + ', '.join(f'{k} {v}' for k, v in sorted(RULES.items())), flush=True)
    unused = sorted({*KNOWN.values(), *CARRIED.values()} - set(RULES))
    tap.check('every rule is needed', not unused or not tshark_is_40(), unused)
    tap.done()


main()
