#!/usr/bin/env python3
"""What Apache Spot's machine learning and operational analytics ask of flow, dns and proxy, in queries of our own, on Spark SQL over a Hive Metastore and HDFS.

The lake is one that Spot began (doc/spot.md): its tables and some of its rows are there, in statements of our own as its set-up and its streams make them, before the program brings the others. Inputs are made from rows, and the rows that an answer must hold are computed from those, never from what the program stored: doc/machine-learning.md.
"""
import collections
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'lib')]
import captures  # noqa: E402
import nfcapd  # noqa: E402
import spot  # noqa: E402
import tap  # noqa: E402
from cluster import spark  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.webhdfs import Hdfs  # noqa: E402
from hms import Metastore  # noqa: E402

SLUICE = os.environ.get('SLUICE', os.path.join(HERE, '..', '..', 'build', 'sluice'))
DAY = 1_767_744_000  # 2026-01-07 00:00:00 UTC: a day and a month of one digit
SPARSE, HOT = '10.1.0.7', '203.0.113.9'


def stamp(at, form='%Y-%m-%d %H:%M:%S'):
    return time.strftime(form, time.gmtime(at))


def flows():
    """A day's flows and the next day's, with pairs that talk both ways within a minute."""
    out = []
    for i in range(240):
        at = DAY + i * 431
        src, dst = (SPARSE, HOT) if i % 5 == 0 else (HOT, SPARSE) if i % 5 == 1 else (f'10.1.0.{i % 9}', f'198.51.100.{i % 4}')
        proto, sport, dport = ((6, 40000 + i % 3, 443), (17, 5353, 53), (1, 0, 2048))[i % 3]
        if i % 5 == 1:
            at -= 431 - 5  # the answer, in the same minute
        out.append({'at': at, 'src': src, 'dst': dst, 'proto': proto, 'sport': sport, 'dport': dport, 'packets': 1 + i % 17, 'bytes': 40 + 91 * i,
                    'flags': 0x1b if proto == 6 else 0, 'in': 1 + i % 2, 'out': 7, 'stos': i % 4})
    return out


def answers():
    """DNS responses; some names do not exist."""
    out = []
    for i in range(200):
        missing = i % 7 == 0
        out.append({'at': DAY + 60 + i * 517, 'client': f'10.1.0.{i % 6}', 'server': '192.0.2.53', 'name': f'{"x" * (i % 5 + 1)}{i % 11}.example.{"com" if i % 2 else "org"}',
                    'kind': 'A', 'rcode': 3 if missing else 0, 'a': None if missing else f'203.0.113.{i % 13}'})
    return out


FIELDS = ('date', 'time', 'time-taken', 'c-ip', 'cs-username', 'cs-auth-group', 'x-exception-id', 'sc-filter-result', 'cs-categories', 'cs(Referer)', 'sc-status', 's-action', 'cs-method',
          'rs(Content-Type)', 'cs-uri-scheme', 'cs-host', 'cs-uri-port', 'cs-uri-path', 'cs-uri-query', 'cs-uri-extension', 'cs(User-Agent)', 's-ip', 'sc-bytes', 'cs-bytes')


def requests():
    out = []
    for i in range(220):
        at, host, path, query = DAY + 30 + i * 449, f'www.example{i % 4}.com', f'/p{i % 3}', f'?q={i % 2}'
        out.append({'at': at, 'time-taken': 3 + i, 'c-ip': f'10.2.0.{i % 8}', 'cs-username': f'user{i % 5}', 'cs-auth-group': 'staff', 'x-exception-id': '-', 'sc-filter-result': 'OBSERVED',
                    'cs-categories': 'News', 'cs(Referer)': 'www.example0.com/p0?q=0' if i % 9 == 0 else '-', 'sc-status': 200 + i % 3, 's-action': 'TCP_HIT', 'cs-method': 'GET',
                    'rs(Content-Type)': 'text/html', 'cs-uri-scheme': 'http', 'cs-host': host, 'cs-uri-port': 80, 'cs-uri-path': path, 'cs-uri-query': query, 'cs-uri-extension': '-',
                    'cs(User-Agent)': 'curl/8', 's-ip': '192.0.2.80', 'sc-bytes': 1000 + i, 'cs-bytes': 300 + i, 'uri': host + path + query})
    return out


def log(rows):
    head = f'#Software: SGOS 6.7.5.9\n#Version: 1.0\n#Fields: {" ".join(FIELDS)}\n'
    return head + ''.join(' '.join([stamp(r['at'])] + [str(r[f]) for f in FIELDS[2:]]) + '\n' for r in rows)


PROTO = {6: 'TCP', 17: 'UDP', 1: 'ICMP'}
TODAY = 'y=2026 AND m=1 AND d=7'
TODAY_TEXT = "y='2026' AND m='01' AND d='07'"


def today(rows):
    return [r for r in rows if DAY <= r['at'] < DAY + 86400]


def counted(values):
    return [[*k, n] if isinstance(k, tuple) else [k, n] for k, n in collections.Counter(values).items()]


def flow_cases(rows, root):
    of = today(rows)
    pair = [r for r in of if {r['src'], r['dst']} == {SPARSE, HOT}]
    hour, minute = time.gmtime(pair[0]['at'])[3:5]

    def text(r):
        return [stamp(r['at']), r['src'], r['dst'], r['sport'], r['dport'], PROTO[r['proto']]]
    yield ('flow: details of two hosts in a minute', f"""SELECT treceived, sip, dip, sport, dport, proto, flag, stos, ibyt, ipkt, input, output, rip, obyt, opkt, h, trminute
            FROM flow WHERE ((sip='{SPARSE}' AND dip='{HOT}') OR (sip='{HOT}' AND dip='{SPARSE}')) AND {TODAY} AND h={hour} AND trminute={minute}""",
           [text(r) + ['...AP.SF' if r['flags'] else '........', r['stos'], r['bytes'], r['packets'], r['in'], r['out'], '127.0.0.1', 0, 0, hour, minute] for r in pair
            if time.gmtime(r['at'])[3:5] == (hour, minute)],
           'string string string int int string string int bigint bigint int int string bigint bigint tinyint int')
    sums = collections.defaultdict(lambda: [0, 0])
    for r in pair:
        sums[r['src'], r['dst']][0] += r['bytes']
        sums[r['src'], r['dst']][1] += r['packets']
    yield ('flow: bytes and packets a pair', f"""SELECT sip AS srcip, dip AS dstip, SUM(ibyt) AS ibyt, SUM(ipkt) AS ipkt FROM flow WHERE {TODAY}
            AND ((sip='{SPARSE}' AND dip IN ('{HOT}')) OR (sip IN ('{HOT}') AND dip='{SPARSE}')) GROUP BY sip, dip, m, d""", [[*k, *v] for k, v in sums.items()],
           'string string bigint bigint')
    yield ('flow: rows a minute', f"""SELECT tryear, trmonth, trday, trhour, trminute, COUNT(*) AS total FROM flow WHERE {TODAY} AND unix_tstamp IS NOT NULL AND sip IS NOT NULL
            AND sport IS NOT NULL AND dip IS NOT NULL AND dport IS NOT NULL AND ibyt IS NOT NULL AND ipkt IS NOT NULL AND tryear=2026 AND CAST(treceived AS timestamp) IS NOT NULL
            GROUP BY tryear, trmonth, trday, trhour, trminute""", counted(tuple(time.gmtime(r['at'])[:5]) for r in of), 'int int int int int bigint')
    groups = collections.defaultdict(list)
    for r in of:
        if SPARSE in (r['src'], r['dst']):
            groups[r['src'], r['dst'], r['sport'], r['dport']].append(r)
    yield ('flow: everything about a host', f"""SELECT MIN(treceived) AS firstseen, MAX(treceived) AS lastseen, sip, dip, sport, dport, COUNT(sip) AS conns, MAX(ipkt) AS maxpkts,
            AVG(ipkt) AS avgpkts, MAX(ibyt) AS maxbyts, AVG(ibyt) AS avgbyts FROM flow WHERE {TODAY} AND (sip='{SPARSE}' OR dip='{SPARSE}') GROUP BY sip, dip, sport, dport""",
           [[stamp(min(r['at'] for r in g)), stamp(max(r['at'] for r in g)), *k, len(g), max(r['packets'] for r in g), sum(r['packets'] for r in g) / len(g),
             max(r['bytes'] for r in g), sum(r['bytes'] for r in g) / len(g)] for k, g in groups.items()], 'string string string string int int bigint bigint double bigint double')
    lines = collections.defaultdict(list)
    for r in pair:
        lines[r['src'], r['dst'], PROTO[r['proto']], r['sport'], r['dport'], r['packets'], r['bytes']].append(stamp(r['at']))
    yield ('flow: time line', f"""SELECT MIN(treceived) AS tstart, MAX(treceived) AS tend, sip, dip, proto, sport, dport, ipkt, ibyt FROM flow WHERE {TODAY}
            AND ((dip IN ('{HOT}') AND sip='{SPARSE}') OR (sip IN ('{HOT}') AND dip='{SPARSE}')) GROUP BY sip, dip, proto, sport, dport, ipkt, ibyt ORDER BY tstart LIMIT 1000""",
           [[min(v), max(v), *k] for k, v in lines.items()], 'string string string string string int int bigint bigint')
    yield ('flow: what the model is trained on', f"""SELECT trhour, sip, dip, sport, dport, proto, ibyt, ipkt FROM parquet.`{root}/flow/hive/y=2026/m=1/d=7` WHERE trhour BETWEEN 0 AND 23
            AND trminute BETWEEN 0 AND 59 AND trsec BETWEEN 0 AND 59 AND treceived IS NOT NULL AND sip IS NOT NULL AND dip IS NOT NULL AND sport >= 0 AND dport >= 0 AND ibyt >= 0
            AND ipkt >= 0""",
        [[time.gmtime(r['at'])[3], r['src'], r['dst'], r['sport'], r['dport'], PROTO[r['proto']], r['bytes'], r['packets']] for r in of],
        'int string string int int string bigint bigint')


def frame_time(at):
    return f'{stamp(at, "%b")} {time.gmtime(at)[2]:2d} {stamp(at, "%Y %H:%M:%S")}.000000000 UTC'


def dns_cases(rows, root):
    of = today(rows)
    hour = 3
    yield ('dns: details of a name in an hour', f"""SELECT unix_tstamp, frame_len, ip_dst, ip_src, dns_qry_name, dns_qry_class, dns_qry_type, dns_qry_rcode, dns_a, h AS hh FROM dns
            WHERE {TODAY} AND dns_qry_name LIKE '%example.com%' AND h={hour} LIMIT 1000""",
           [[r['at'], r['frame_len'], r['client'], r['server'], r['name'], '0x0001', 1, r['rcode'], r['a'], hour] for r in of
            if 'example.com' in r['name'] and time.gmtime(r['at'])[3] == hour], 'bigint int string string string string int int string tinyint')
    yield ('dns: what a client asked', """SELECT unix_tstamp, dns_a, dns_qry_name, ip_dst FROM (SELECT unix_tstamp, s.ip_dst, s.dns_qry_name, s.dns_a FROM dns AS s WHERE s.y=2026 AND s.m=1
            AND s.d=7 AND s.ip_dst='10.1.0.2' LIMIT 1000) AS t GROUP BY dns_a, dns_qry_name, ip_dst, unix_tstamp""",
           [[r['at'], r['a'], r['name'], r['client']] for r in of if r['client'] == '10.1.0.2'], 'bigint string string string')
    yield ('dns: rows a minute, out of the text of frame_time', f"""SELECT substring(split(replace(frame_time, '  ', ' '), ' ')[3], 1, 5) AS minute, COUNT(*) AS total FROM dns WHERE {TODAY}
            AND unix_tstamp IS NOT NULL AND frame_time IS NOT NULL AND frame_len IS NOT NULL AND dns_qry_name IS NOT NULL AND ip_src IS NOT NULL AND (dns_qry_class IS NOT NULL
            AND dns_qry_type IS NOT NULL AND dns_qry_rcode IS NOT NULL) GROUP BY 1""", counted(stamp(r['at'], '%H:%M') for r in of), 'string bigint')
    yield ('dns: clients of a name', f"""SELECT COUNT(ip_dst) AS total, dns_qry_name, ip_dst FROM dns WHERE {TODAY} AND dns_qry_name='x0.example.org' GROUP BY ip_dst, dns_qry_name
            ORDER BY total DESC LIMIT 20""", [[n, 'x0.example.org', c] for c, n in counted(r['client'] for r in of if r['name'] == 'x0.example.org')], 'bigint string string')
    yield ('dns: what the model is trained on', f"""SELECT frame_time, unix_tstamp, frame_len, ip_dst, dns_qry_name, dns_qry_class, dns_qry_type, dns_qry_rcode
            FROM parquet.`{root}/dns/hive/y=2026/m=1/d=7` WHERE frame_time IS NOT NULL AND frame_time != '' AND unix_tstamp >= 0 AND frame_len >= 0 AND dns_qry_name IS NOT NULL
            AND dns_qry_name != '' AND ip_dst IS NOT NULL AND ip_dst != '' AND (dns_qry_class IS NOT NULL OR dns_qry_type IS NOT NULL OR dns_qry_rcode >= 0)""",
        [[frame_time(r['at']), r['at'], r['frame_len'], r['client'], r['name'], '0x0001', 1, r['rcode']] for r in of], 'string bigint int string string string int int')


def proxy_cases(rows, root):
    of = today(rows)
    one = of[40]
    hour = stamp(one['at'], '%H')
    uri = 'www.example0.com/p0?q=0'

    def dash(text):
        return None if text == '-' else text
    yield ('proxy: details of a request in an hour', f"""SELECT p_date, p_time, clientip, host, webcat, respcode, reqmethod, useragent, resconttype, referer, uriport, serverip, scbytes, csbytes,
            fulluri, {hour} AS hh FROM proxy WHERE {TODAY_TEXT} AND h='{hour}' AND fulluri='{one["uri"]}' AND clientip='{one["c-ip"]}' LIMIT 100""",
           [[stamp(r['at'], '%Y-%m-%d'), stamp(r['at'], '%H:%M:%S'), r['c-ip'], r['cs-host'], 'News', str(r['sc-status']), 'GET', 'curl/8', 'text/html', dash(r['cs(Referer)']), '80',
             '192.0.2.80', r['sc-bytes'], r['cs-bytes'], r['uri'], int(hour)] for r in of if (stamp(r['at'], '%H'), r['uri'], r['c-ip']) == (hour, one['uri'], one['c-ip'])],
           'string string string string string string string string string string string string int int string int')
    yield ('proxy: requests a second', f"""SELECT p_date, p_time, COUNT(*) AS total FROM proxy WHERE {TODAY_TEXT} AND p_date IS NOT NULL AND p_time IS NOT NULL AND clientip IS NOT NULL
            AND p_time != '' AND host IS NOT NULL AND fulluri IS NOT NULL GROUP BY p_date, p_time""",
           counted((stamp(r['at'], '%Y-%m-%d'), stamp(r['at'], '%H:%M:%S')) for r in of), 'string string bigint')
    yield ('proxy: everything about an address', f"""SELECT p_date, p_time, clientip, username, duration, fulluri, webcat, respcode, reqmethod, useragent, resconttype, referer, uriport, serverip,
            scbytes, csbytes FROM proxy WHERE {TODAY_TEXT} AND (fulluri='{uri}' OR referer='{uri}') ORDER BY p_time""",
           [[stamp(r['at'], '%Y-%m-%d'), stamp(r['at'], '%H:%M:%S'), r['c-ip'], r['cs-username'], r['time-taken'], r['uri'], 'News', str(r['sc-status']), 'GET', 'curl/8', 'text/html',
             dash(r['cs(Referer)']), '80', '192.0.2.80', r['sc-bytes'], r['cs-bytes']] for r in of if uri in (r['uri'], r['cs(Referer)'])],
           'string string string string int string string string string string string string string string int int')
    groups = collections.defaultdict(list)
    for r in of:
        if r['uri'] == uri and r['c-ip'] in ('10.2.0.0', '10.2.0.4'):
            groups[r['c-ip'], stamp(r['at'], '%H:%M:%S'), str(r['sc-status']), stamp(r['at'], '%Y-%m-%d')].append(r)
    yield ('proxy: time line', f"""SELECT concat(cast(p_date AS string), ' ', cast(MIN(p_time) AS string)) AS tstart, concat(cast(p_date AS string), ' ', cast(MAX(p_time) AS string)) AS tend,
            SUM(duration) AS duration, clientip, respcode FROM proxy WHERE fulluri='{uri}' AND clientip IN ('10.2.0.0', '10.2.0.4') AND {TODAY_TEXT}
            GROUP BY clientip, p_time, respcode, p_date LIMIT 1000""",
           [[f'{k[3]} {k[1]}', f'{k[3]} {k[1]}', sum(r['time-taken'] for r in g), k[0], k[2]] for k, g in groups.items()], 'string string bigint string string')
    yield ('proxy: what the model is trained on', f"""SELECT p_date, p_time, clientip, host, reqmethod, useragent, resconttype, respcode, fulluri FROM parquet.`{root}/proxy/hive/y=2026/m=01/d=07`
            WHERE p_date IS NOT NULL AND p_time IS NOT NULL AND clientip IS NOT NULL AND host IS NOT NULL AND fulluri IS NOT NULL""",
        [[stamp(r['at'], '%Y-%m-%d'), stamp(r['at'], '%H:%M:%S'), r['c-ip'], r['cs-host'], 'GET', 'curl/8', 'text/html', str(r['sc-status']), r['uri']] for r in of],
        'string string string string string string string string string')


# ---- what Spot wrote ----

def by_spot(r):
    """Every other row of three hours of the night."""
    return r['at'] < DAY + 86400 and time.gmtime(r['at'])[3] in (1, 3, 5) and r['at'] % 2 == 0


def spots_rows(dataset, rows):
    """As its workers make them: [(hour, {column: value})]."""
    for r in rows:
        t = time.gmtime(r['at'])
        if dataset == 'flow':
            row = {'treceived': stamp(r['at']), 'unix_tstamp': r['at'], **dict(zip(('tryear', 'trmonth', 'trday', 'trhour', 'trminute', 'trsec'), t)), 'tdur': 1.0, 'sip': r['src'], 'dip': r['dst'],
                   'sport': r['sport'], 'dport': r['dport'], 'proto': PROTO[r['proto']], 'flag': '...AP.SF' if r['flags'] else '........', 'fwd': 0, 'stos': r['stos'], 'ipkt': r['packets'],
                   'ibyt': r['bytes'], 'opkt': 0, 'obyt': 0, 'input': r['in'], 'output': r['out'], 'sas': 0, 'das': 0, 'dtos': 0, 'dir': 0, 'rip': '127.0.0.1'}
        elif dataset == 'dns':
            row = {'frame_time': frame_time(r['at']), 'unix_tstamp': r['at'], 'frame_len': r['frame_len'], 'ip_dst': r['client'], 'ip_src': r['server'], 'dns_qry_name': r['name'],
                   'dns_qry_class': '0x0001', 'dns_qry_type': 1, 'dns_qry_rcode': r['rcode'], 'dns_a': r['a']}
        else:
            row = {'p_date': stamp(r['at'], '%Y-%m-%d'), 'p_time': stamp(r['at'], '%H:%M:%S'), 'clientip': r['c-ip'], 'host': r['cs-host'], 'reqmethod': 'GET', 'useragent': 'curl/8',
                   'resconttype': 'text/html', 'duration': r['time-taken'], 'username': r['cs-username'], 'authgroup': 'staff', 'exceptionid': '-', 'filterresult': 'OBSERVED', 'webcat': 'News',
                   'referer': None if r['cs(Referer)'] == '-' else r['cs(Referer)'], 'respcode': str(r['sc-status']), 'action': 'TCP_HIT', 'urischeme': 'http', 'uriport': '80', 'uripath': r['cs-uri-path'],
                   'uriquery': r['cs-uri-query'], 'uriextension': '-', 'serverip': '192.0.2.80', 'scbytes': r['sc-bytes'], 'csbytes': r['cs-bytes'], 'virusid': '-', 'bcappname': '-', 'bcappoper': '-',
                   'fulluri': r['uri']}
        yield t[3], row


def began(sql, database, root, given):
    """Its tables, and its rows as its streams write them. Those of its workers: beside_spot.py."""
    sql(f'CREATE DATABASE {database}')
    for dataset in spot.TABLES:
        sql(spot.ddl(database, dataset, root))
    sql('SET hive.exec.dynamic.partition.mode=nonstrict')
    for dataset, rows in given.items():
        spot.insert(sql, database, dataset, [(r, ('2026', '01', '07', f'{h:02}') if dataset == 'proxy' else (2026, 1, 7, h)) for h, r in spots_rows(dataset, rows)])


def load(c, folder, root, database, inputs):
    """All inputs through the program, into HDFS and the metastore."""
    kinds = {'flow': 'nfcapd', 'dns': 'pcap-dns', 'proxy': 'elff'}
    pipelines = ''
    for name, dissector in kinds.items():
        os.makedirs(os.path.join(folder, name))
        for file, content in inputs[name].items():
            with open(os.path.join(folder, name, file), 'wb') as f:
                f.write(content)
        pipelines += f'  {name}: {{ watch: {folder}/{name}, pattern: "[!.]*", dissector: {dissector} }}\n'
    config = os.path.join(folder, 'sluice.yaml')
    with open(config, 'w', encoding='utf-8') as f:
        f.write(f'instance: ml\nforeign: keep\nlake: {c.hdfs.http.replace("http", "webhdfs", 1)}{root}\nwebhdfs.user: {c.hdfs.user}\ncatalog: {c.metastore.url}/{database}\n'
                f'catalog.location: {c.hdfs.rpc}{root}\nstate: {folder}/state\ncollect: {{ settle: 0 }}\nstop_timeout: 5m\ncatalog.timeout: 60s\npipelines:\n{pipelines}')

    def run(*words):
        return subprocess.run([SLUICE, *words, '-c', config], capture_output=True, text=True, timeout=300, check=False)
    return run


def ask(session_of_spark, database, cases):
    """Spark's answers, by name. The table names are those of the database."""
    found = {}
    for name, query, _, _ in cases:
        for table in ('flow', 'dns', 'proxy'):
            query = query.replace(f'FROM {table}', f'FROM {database}.{table}')
        found[name] = session_of_spark.ask(query)
    return found


def one_lake(run, hms, database, before, loaded, spots, rows):
    """Spot's tables are still Spot's, and hold both."""
    tap.check('everything is committed and registered', loaded.returncode == 0, loaded.stderr[-2000:])
    tap.check('Spot\'s tables are as Spot made them', {d: hms.table(database, d) for d in spot.TABLES} == before)
    digits = {'flow': '', 'dns': '', 'proxy': '02'}
    hours = {d: {'y={}/m={:{f}}/d={:{f}}/h={:{f}}'.format(*time.gmtime(r['at'])[:4], f=digits[d]) for r in of} for d, of in rows.items()}
    registered = run('register')
    tap.check('each with the partitions of both, each once', {d: hms.names(database, d) for d in hours} == hours and registered.stdout.count(': 0 partitions registered') == 3, (hours, registered))
    audit = run('audit', '--quick', '--grace', '0s')
    tap.check('the audit counts Spot\'s files and finds nothing', audit.returncode == 0 and f'{spots} files of other programs in tables' in audit.stdout, audit)


def main():
    if why_not():
        tap.skip('ml_queries', why_not())
        tap.done()
    of_flow, of_dns, of_proxy = flows(), answers(), requests()
    ours = [[r for r in rows if not by_spot(r)] for rows in (of_flow, of_dns, of_proxy)]
    packets = [captures.capture(of_dns), *(captures.capture(ours[1][i::2]) for i in range(2))]  # the first for its lengths
    records = [nfcapd.flow(f['at'] * 1000, **{k: v for k, v in f.items() if k != 'at'}) for f in ours[0]]
    inputs = {'flow': {f'nfcapd.2026010700{i:02}': nfcapd.file_v2(records[i::3]) for i in range(3)},
              'dns': {f'{i}.pcap': packets[1 + i] for i in range(2)}, 'proxy': {f'{i}.log': log(ours[2][i::2]).encode() for i in range(2)}}
    with session('hdfs', 'metastore') as c, tempfile.TemporaryDirectory() as folder, spark.Session(c) as session_of_spark:
        root, database, hdfs = f'/ml-{os.getpid()}', f'ml_{os.getpid()}', Hdfs(c.hdfs.http, c.hdfs.user)
        whole = {'flow': of_flow, 'dns': of_dns, 'proxy': of_proxy}
        began(session_of_spark.sql, database, root, {d: [r for r in rows if by_spot(r)] for d, rows in whole.items()})
        hms = Metastore(c.metastore.host, c.metastore.port)
        before = {d: hms.table(database, d) for d in spot.TABLES}
        spots = len([p for p in hdfs.walk(root) if '/hive/' in p])
        run = load(c, folder, root, database, inputs)
        one_lake(run, hms, database, before, run('run', '--once'), spots, whole)
        cases = [*flow_cases(of_flow, c.hdfs.rpc + root), *dns_cases(of_dns, c.hdfs.rpc + root), *proxy_cases(of_proxy, c.hdfs.rpc + root)]
        found = ask(session_of_spark, database, cases)
        for name, _, wanted, types in cases:
            rows, key = found[name]['rows'], (lambda r: json.dumps(r))
            tap.check(f'{name}: {len(wanted)} rows', sorted(rows, key=key) == sorted(wanted, key=key) and len(wanted) > 0,
                      f'{len(rows)} of {len(wanted)}: {sorted(rows, key=key)[:2]} {sorted(wanted, key=key)[:2]}')
            tap.check(f'{name}: types', ' '.join(kind for _, kind in found[name]['columns']) == types, found[name]['columns'])
        hdfs.delete(root)
    tap.done()


main()
