#!/usr/bin/env python3
"""The elff dissector against what Spot's own split and mapping made of a Blue Coat log, and against values read by hand from public sample logs.

A difference from Spot is allowed only by a rule below; every rule is a row of the table "Differences from Spot" in doc/formats/proxy.md.
"""
import json
import os
import subprocess
import sys
import tempfile

SOURCE = os.environ.get('SLUICE_SOURCE', os.path.join(os.path.dirname(__file__), '..', '..'))
sys.path.insert(0, os.path.join(SOURCE, 'tests'))
import tap  # noqa: E402

SLUICE = os.environ.get('SLUICE', os.path.join(SOURCE, 'build', 'sluice'))
DATA = os.path.join(os.environ.get('SLUICE_DATA', os.path.join(SOURCE, '..', 'shared', 'data')), 'proxy')
NAMES = [c['name'] for c in json.load(open(os.path.join(SOURCE, 'schema', 'proxy.avsc')))['fields']]

# Line of bluecoat_27_handmade.log -> why ours is another.
RULES = {
    'quote inside a quoted value': {14, 15},
    'blanks and tabs inside quotes stay': {18, 19},
    'a number that is not set is null': {24, 26},
    'over INT is null': {25},
    'a syslog prefix is stripped': {34},
}
# File -> rows, rejects, {row: {column: value}}. Values were read from the lines by eye.
FILES = {
    'apache_access.log': (15, 0, {0: {'p_date': '2016-01-13', 'p_time': '19:31:16', 'clientip': '10.0.0.1', 'reqmethod': 'GET', 'uriquery': '?install2', 'uriextension': 'php',
                                      'respcode': '200', 'scbytes': 494},
                                  4: {'p_time': '17:31:20', 'referer': 'http://localhost/'}, 6: {'scbytes': None, 'respcode': '304', 'referer': None}}),
    'apache_malformed.log': (11, 0, {0: {'p_date': '2023-10-16', 'p_time': '18:57:49', 'reqmethod': None, 'uripath': '\\x16\\x03\\x01\\x01 \\x02', 'useragent': None}}),
    'bluecoat_sgos324.log': (29, 0, {0: {'username': 'george', 'scbytes': 941, 'csbytes': 729, 'webcat': 'none', 'fulluri': 'www.inmobus.com/wcm/assets/images/imagefileicon.gif'}}),
    'bluecoat_squidstyle.log': (14, 1, {0: {'username': 'CN=Agent Smith,OU=fr,O=company', 'host': 'www.microsoft.com', 'uriport': '80', 'webcat': 'uncategorized',
                                            'useragent': 'Mozilla/4.76 [en] (X11; U; Linux 2.4.2-22mdk i686)'},
                                        2: {'username': None, 'filterresult': 'DENIED', 'resconttype': None}}),
    'bluecoat_squidstyle_nonascii.log': (1, 0, {0: {'host': 'wwwsantéobésité.com', 'uriextension': 'pl'}}),
    'iis10_edge_cases.log': (15, 0, {0: {'clientip': '::1', 'uriport': '444', 'duration': 15, 'username': 'random\\ranuser1', 'host': '-'}}),
    'squid_native.log': (12, 0, {0: {'p_date': '2025-06-04', 'p_time': '14:08:07', 'urischeme': 'tcp', 'uriport': '443', 'uripath': '/', 'action': 'TCP_DENIED', 'respcode': '403'},
                                 2: {'serverip': '93.94.71.59', 'duration': 21, 'filterresult': 'OBSERVED'}}),
    'w3c_iis85_nonascii.log': (1, 0, {0: {'scbytes': 1405, 'csbytes': 242, 'duration': 283, 'uriextension': 'txt'}}),
    'w3c_iis_advanced_logging.log': (0, 3, {}),
    'w3c_incapsula.log': (2, 0, {0: {'host': 'www.example.com', 'uripath': '/page.php', 'uriquery': '?variable=test', 'clientip': '123.123.123.123'}}),
    'w3c_oracle_webcache.log': (1, 0, {0: {'p_time': '08:00:18', 'duration': 370, 'scbytes': 350, 'username': 'DMS.user', 'uripath': '/admin/images/oc_bottomleft.gif'}}),
}
REFUSED = {'zeek_conn.log': 'Zeek', 'zeek_http.log': 'Zeek', 'zeek_http.json.log': 'JSON', 'suricata_eve_tenzir.json': 'JSON', 'zscaler_nss_fw_leef.log': 'LEEF'}


def dissect(name, *options):
    """Rows, rejects as text, exit status."""
    with tempfile.NamedTemporaryFile() as out:
        run = subprocess.run([SLUICE, 'dissect', '-t', 'elff', '-f', 'json', '-o', out.name, *[a for o in options for a in ('-O', o)], os.path.join(DATA, name)],
                             stderr=subprocess.PIPE, text=True, errors='replace', check=False)
        rows = [json.loads(line) for line in out.read().decode('utf-8').splitlines()]
    return rows, [line for line in run.stderr.splitlines() if ': offset ' in line], run


def against_spot():
    name = 'bluecoat_27_handmade.log'
    theirs = {}
    with open(os.path.join(DATA, 'bluecoat_27_handmade.spot-observed.jsonl'), encoding='utf-8', errors='replace') as lines:
        for line in map(json.loads, lines):
            theirs[line['line']] = line
    rows, rejects, _ = dissect(name, 'compat=spot')
    lost = {int(r.split('line ')[1].split(':')[0]) for r in rejects}
    allowed, used = {line: rule for rule, lines in RULES.items() for line in lines}, {}
    with open(os.path.join(DATA, name), 'rb') as log:
        raw = log.read().split(b'\n')
    ours, at = {}, iter(rows)
    for number, line in enumerate(raw, 1):
        if line.strip() and not line.startswith(b'#') and number not in lost:
            ours[number] = next(at, None)
    tap.check('spot: every row belongs to a line', next(at, None) is None and None not in ours.values(), f'{len(rows)} rows, {sorted(lost)} lost')
    for number, line in theirs.items():
        their_row = line.get('row', [])[:len(NAMES)] or None
        our_row = list(ours[number].values()) if number in ours else None
        if our_row != their_row:
            used[allowed.get(number, 'no rule')] = used.get(allowed.get(number, 'no rule'), []) + [(number, line.get('case'), our_row, their_row)]
    tap.check('spot: no difference without a rule', 'no rule' not in used, json.dumps(used.get('no rule'), indent=1))
    tap.check('spot: every rule is used', set(RULES) == set(used) - {'no rule'}, str(sorted(set(RULES) - set(used))))


def main():
    if not os.path.isdir(DATA):
        tap.skip('elff oracle', 'SLUICE_DATA has no proxy logs')
        tap.done()
    against_spot()
    for name, (count, lost, values) in FILES.items():
        rows, rejects, _ = dissect(name)
        tap.check(f'{name}: {count} rows, {lost} rejects', (len(rows), len(rejects)) == (count, lost), f'{len(rows)} rows, {rejects}')
        wrong = [(i, c, rows[i][c], v) for i, columns in values.items() for c, v in columns.items() if i < len(rows) and rows[i][c] != v]
        tap.check(f'{name}: values', not wrong, str(wrong))
    rows, rejects, _ = dissect('w3c_iis_advanced_logging.log', 'zone=+0200')
    tap.check('local times with a zone', [(r['p_date'], r['p_time']) for r in rows[:1]] == [('2012-08-15', '15:00:00')], str(rows[:1]) + str(rejects))
    for name, word in REFUSED.items():
        rows, _, run = dissect(name)
        tap.check(f'{name}: refused', not rows and word in run.stderr and run.returncode == 1, run.stderr)
    tap.done()


main()
