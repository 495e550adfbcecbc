#!/usr/bin/env python3
"""Moving over from Apache Spot: its configuration becomes one of ours and what it could not say is told with its line; a lake that it wrote works on beside ours, read as one table and left alone."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import duckdb
import pyarrow.dataset as ds
import pyarrow as pa

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import spot  # noqa: E402
import tap  # noqa: E402
from spool import Spool  # noqa: E402

SLUICE = os.environ.get('SLUICE', 'build/sluice')


def run(*words, **kw):
    return subprocess.run([SLUICE, *words], capture_output=True, text=True, timeout=60, check=False, **kw)


class Case:
    """Two files and what import-spot makes of them."""

    def __init__(self, base, ingest, conf=spot.CONF, *options):
        self.base = base
        with open(f'{base}/ingest_conf.json', 'wb') as f:
            f.write(ingest if isinstance(ingest, bytes) else ingest.encode())
        words = [f'{base}/ingest_conf.json']
        if conf is not None:
            with open(f'{base}/spot.conf', 'wb') as f:
                f.write(conf if isinstance(conf, bytes) else conf.encode())
            words.append(f'{base}/spot.conf')
        self.ran = run('import-spot', *options, *words)
        self.yaml, self.told, self.status = self.ran.stdout, self.ran.stderr, self.ran.returncode

    def effective(self):
        """{key: value} of `sluice config`, pipelines' keys as name.key; None when the file is refused."""
        with open(f'{self.base}/sluice.yaml', 'w', encoding='utf-8') as f:
            f.write(self.yaml)
        r = run('config', '-c', f'{self.base}/sluice.yaml')
        found, pipeline = {}, ''
        for line in r.stdout.splitlines()[1:]:
            if line.startswith('pipelines: '):
                pipeline = line.split(' ', 1)[1] + '.'
            m = re.match(r'\s+(\S+)\s{2,}(.*?)\s{2,}(line \d+|default)\s*$', line)
            if m:
                found[pipeline + m[1]] = m[2]
        return found if r.returncode == 0 else None

    def lines(self, word):
        return [line for line in self.told.splitlines() if line.startswith(word + ': ')]


def line_of(text, key):
    return next(i for i, line in enumerate(text.splitlines(), 1) if key in line)


def whole(base):
    c = Case(base, spot.ingest())
    e = c.effective()
    tap.check('a whole configuration becomes one that is taken', c.status == 0 and e is not None, c.ran)
    wanted = {'lake': 'webhdfs://nn1.example:50070/user/spot', 'bus': 'kafka://broker1.example:9092', 'catalog': 'none', 'foreign': 'keep', 'flow_internals.watch': '/data/flow',
              'flow_internals.dissector': 'nfcapd', 'flow_internals.pattern': 'nfcapd.*', 'flow_internals.recursive': 'no', 'flow_internals.after': 'delete',
              'dns.dissector': 'pcap-dns', 'dns.pattern': '@(*.pcap|resolver*|*resolver)', 'proxy.dissector': 'elff', 'proxy.dataset': 'proxy', 'proxy.pattern': '*.log'}
    tap.check('places, bus and pipelines are what Spot had', {k: (e or {}).get(k) for k in wanted} == wanted, e)
    ingest = spot.ingest()
    for key, shown in (('"collector_processes"', 'collector_processes'), ('"zookeper_port"', 'kafka.zookeper_port'), ('"driver_memory"', 'spark-streaming.driver_memory'),
                       ('"pkt_num"', 'pipelines.dns.pkt_num')):
        tap.check(f'{shown} is named with its line', any(f'ingest_conf.json:{line_of(ingest, key)}: {shown}: ' in s for s in c.lines('not carried over')), c.told)
    tap.check('lines of spot.conf too', any(f'spot.conf:{line_of(spot.CONF, "TOPIC_COUNT")}: TOPIC_COUNT: ' in s for s in c.lines('not carried over')), c.told)
    tap.check('empty values are not told of', not re.search('USER_DOMAIN|spark_exec:', c.told), c.told)
    tap.check('what is to do is told', len(c.lines('to do')) == 2 and 'thrift://HOST:9083/telemetry' in c.told and 'REFRESH' in c.told, c.told)
    tap.check('and stands in the file', all(s.split(': ', 1)[1] in c.yaml for s in c.told.splitlines()), c.yaml)
    quiet = Case(base, spot.ingest(), spot.CONF, '--quiet')
    tap.check('quiet: only what is to do', quiet.told.splitlines() == c.lines('to do'), quiet.told)
    c = Case(base, spot.ingest(), spot.CONF, '--metastore', 'meta.example', '--location', 'hdfs://ns/user/spot', '--lake', 'webhdfs://other:9870/lake')
    e = c.effective() or {}
    tap.check('what no file says is given by options', (e.get('catalog'), e.get('catalog.location'), e.get('lake')) ==
              ('thrift://meta.example/telemetry', 'hdfs://ns/user/spot', 'webhdfs://other:9870/lake') and c.status == 0, (e, c.told))


def secured(base):
    conf = spot.CONF.replace("KERBEROS='false'", "KERBEROS='true'").replace("SSL='false'", "SSL='true'\nCA_LOCATION=/etc/ca.pem\nSSL_VERIFY=false").replace(
        'sasl_plaintext', 'sasl_ssl')
    c = Case(base, spot.ingest(), conf)
    e = c.effective() or {}
    wanted = {'lake': 'webhdfs+ssl://nn1.example:50070/user/spot', 'webhdfs.auth': 'spnego', 'webhdfs.ca_file': '/etc/ca.pem'}
    tap.check('Kerberos and TLS of HDFS', {k: e.get(k) for k in wanted} == wanted and 'KRB5_CLIENT_KTNAME=/etc/spot.keytab' in c.told, (e, c.told))
    kafka = e.get('kafka', '')
    tap.check('and of Kafka', all(w in kafka for w in ('security.protocol: sasl_ssl', 'sasl.mechanism: GSSAPI', 'sasl.kerberos.principal: spot', 'sasl.kerberos.keytab: /etc/spot.keytab',
                                                         'ssl.ca.location: /etc/ca.pem')), kafka)
    tap.check('certificates are verified all the same', any('SSL_VERIFY' in s for s in c.lines('to do')), c.told)
    c = Case(base, spot.ingest(), conf.replace('sasl_ssl', 'sasl_both'))
    tap.check('a value that librdkafka refuses is told of and left out', c.effective() is not None and any('SECURITY_PROTO' in s for s in c.lines('to do')), c.told)


def missing(base):
    c = Case(base, spot.ingest(), None)
    e = c.effective() or {}
    tap.check('without spot.conf the lake has a stand-in that is no host, and the exit status says so', c.status == 1 and e.get('lake') == 'webhdfs://replace-me.invalid:9870/user/spot'
              and len(c.lines('to do first')) == 1, (c.status, c.told))
    template = spot.ingest(dbname='database name', hdfs_app_path='hdfs application path', kafka={'kafka_server': 'kafka ip', 'kafka_port': 'kafka port'})
    c = Case(base, template, "HUSER='/user/spot'\nNAME_NODE=''\n")
    e = c.effective() or {}
    tap.check('a template that nobody filled in', c.status == 1 and e.get('bus', '').startswith('embedded://') and e.get('lake', '').endswith('.invalid:9870/user/spot') and 'kafka ip' in c.told, (e, c.told))
    odd = {'a b': {'type': 'flow', 'collector_path': '/data/a', 'supported_files': ['(nfcapd|x)']}, 'a-b': {'type': 'flow', 'collector_path': '/data/a', 'supported_files': 'nfcapd.', 'process_opt': "'proto tcp and port 80' -A srcip"},
           'logs': {'type': 'syslog', 'collector_path': '/data/l'}, 'rel': {'type': 'dns', 'collector_path': 'data'}, 'no': 5,
           'dns': {'type': 'dns', 'collector_path': '/data/d', 'supported_files': ['^x[0-9]+'], 'recursive': True, 'process_opt': '-T fields -e frame.time', 'new': 1},
           'proxy': {'type': 'proxy', 'collector_path': '/data/p', 'supported_files': [], 'parser': 'mine.py'}}
    c = Case(base, spot.ingest(pipelines=odd))
    e = c.effective() or {}
    tap.check('pipelines that cannot be said are left out, and the exit status says so', c.status == 1 and len(c.lines('to do first')) == 3
              and {k.split('.')[0] for k in e if k.endswith('.watch')} == {'a-b', 'a-b-2', 'dns', 'proxy'}, (sorted(e), c.told))
    tap.check('names, patterns, options, parsers that could not be carried over', all(any(w in s for s in c.lines('to do')) for w in (
        'is called a-b', 'is that of a-b too', 'no shell pattern says', 'is for nfdump', 'takes what Spot took, and more', 'other columns', 'mine.py', 'pipelines.dns.new', 'no name is given')), c.told)
    tap.check('an expression and folders inside', (e.get('dns.pattern'), e.get('dns.recursive'), e.get('a-b.pattern')) == ('x[0-9]**', 'yes', 'nfcapd.*'), e)
    suggestion = re.search(r'#   (dissector: exec)\n\s*#   (options: .*)', c.yaml)
    own = f'lake: {base}/x\npipelines:\n  f: {{ watch: /data/f, dataset: flow, {suggestion[1]}, {suggestion[2]} }}\n' if suggestion else ''
    with open(f'{base}/own.yaml', 'w', encoding='utf-8') as f:
        f.write(own)
    r = run('config', '-c', f'{base}/own.yaml')
    tap.check('the two lines that keep nfdump are taken', r.returncode == 0 and '"proto tcp and port 80"' in own, (r.stderr, own))


def hostile(base):
    for name, ingest, conf, wanted in (
            ('no JSON', '{\n "a": }', spot.CONF, 'ingest_conf.json: line 2, column 7'), ('cut', spot.ingest()[:300], spot.CONF, 'ingest_conf.json: line '),
            ('a list', '[]', spot.CONF, 'ingest_conf.json:1'), ('no pipelines', '{}', spot.CONF, '"pipelines" names none'), ('a key twice', '{"a": 1,\n"a": 2}', spot.CONF, 'line 2'),
            ('deep', '[' * 100000, spot.CONF, 'ingest_conf.json: line 1'), ('bytes', b'\xff\xfe\x00', spot.CONF, 'ingest_conf.json'), ('empty', '', spot.CONF, 'ingest_conf.json'),
            ('only what cannot be said', spot.ingest(pipelines={'x': 1}), spot.CONF, 'no pipeline could be carried over'),
            ('too many', spot.ingest(pipelines={f'p{i}': {'type': 'flow', 'collector_path': '/x'} for i in range(257)}), spot.CONF, 'more than 256'),
            ('a quote', spot.ingest(), "A=1\nHUSER='/user\n", 'spot.conf:2: a quote'), ('no text', spot.ingest(), b'A=1\nB=\x00\n', 'spot.conf:2: byte 6'),
            ('a huge file', ' ' * (1 << 20) + '{}', spot.CONF, 'ingest_conf.json')):
        c = Case(base, ingest, conf)
        tap.check(f'refused with file and line: {name}', c.status == 2 and wanted in c.told and not c.yaml, c.ran)
    evil = 'x\nlake: file:///tmp/evil\n\u2028after: delete\u0085#\u001b[31m'
    names = {evil: {'type': 'flow', 'collector_path': '/data/\n- ' + evil, 'process_opt': evil, 'supported_files': [evil], evil: 1}}
    c = Case(base, spot.ingest(pipelines=names, **{evil: evil}), spot.CONF + f"X{'$(touch '}{base}/ran)=1\nY=$(touch {base}/ran)\n")
    e = c.effective()
    tap.check('names and values cannot write lines of their own', c.status == 2 and not c.yaml or (e or {}).get('lake') == 'webhdfs://nn1.example:50070/user/spot', c.ran)
    tap.check('nor reach a terminal', '\x1b' not in c.told and '\x1b' not in c.yaml and all(re.match('(to do|to do first|not carried over|sluice): ', s) for s in c.told.split('\n')[:-1]), c.told)
    tap.check('no command is run', not os.path.exists(f'{base}/ran') and 'only a shell can work out' in c.told, c.told)


def files(base):
    target = f'{base}/out.yaml'
    c = Case(base, spot.ingest(), spot.CONF, '--output', target)
    with open(target, encoding='utf-8') as f:
        written = f.read()
    tap.check('to a file that is not there', c.status == 0 and not c.yaml and written.startswith('# Made by sluice import-spot'), c.ran)
    with open(target, 'w', encoding='utf-8') as f:
        f.write('mine')
    c = Case(base, spot.ingest(), spot.CONF, '-o', target)
    with open(target, encoding='utf-8') as f:
        tap.check('one that is there stays', c.status == 2 and 'not overwritten' in c.told and f.read() == 'mine', c.ran)
    os.symlink(f'{base}/nowhere', f'{base}/link.yaml')
    c = Case(base, spot.ingest(), spot.CONF, '-o', f'{base}/link.yaml')
    tap.check('a link is not followed', c.status == 2 and not os.path.exists(f'{base}/nowhere'), c.ran)
    for words, wanted in ((['import-spot'], 'name ingest_conf.json'), (['import-spot', f'{base}/none.json'], 'none.json: no such file'), (['import-spot', 'a', 'b', 'c'], 'name ingest_conf.json')):
        r = run(*words)
        tap.check(f'usage: {" ".join(words)[:30]}', r.returncode == 2 and wanted in r.stderr, r)


# ---- a lake that Spot wrote ----

def ddl(dataset):
    """(columns, partitions) of our statement for Hive."""
    text = run('schema', '--ddl', 'hive', dataset).stdout
    parts = re.search(r'EXTERNAL TABLE.*?\((.*?)\)\s*PARTITIONED BY \((.*?)\)\s*STORED AS PARQUET', text, re.S)
    return tuple(', '.join(' '.join(c.replace('`', '').split()) for c in p.strip().split(',')) for p in parts.groups()) if parts else text


def same_tables():
    for dataset in spot.TABLES:
        tap.check(f'{dataset}: the statement for Hive has the columns, types and partitions of Spot\'s', ddl(dataset) == (spot.TABLES[dataset], spot.PARTITIONS[dataset]), ddl(dataset))


def as_one_table(s, ours):
    """Spot's rows and ours by a foreign reader each."""
    where = f'{s.lake}/flow/hive/y=*/m=*/d=*/h=*/[!_]*'
    got = duckdb.sql(f"select count(*), count(*) filter (y = 2016), sum(ibyt) filter (y = 2016), min(h), max(h) from read_parquet('{where}', hive_partitioning = true)").fetchall()[0]
    tap.check('DuckDB: both in one table', got == (100 + ours, 90, sum(range(1, 91)), 3, 11), got)
    schema = pa.schema([(n, spot.ARROW[k]) for n, k in spot.columns('flow')] + [('y', pa.int16()), ('m', pa.int8()), ('d', pa.int8()), ('h', pa.int8())])
    names = [p for p in spot.files(s.lake) if re.match(r'flow/hive/y=\d+/m=\d+/d=\d+/h=\d+/[^_]', p)]
    table = ds.dataset([f'{s.lake}/{p}' for p in names], schema=schema, format='parquet', partitioning=ds.partitioning(schema.field('y') and pa.schema([schema.field(k) for k in 'ymdh']), flavor='hive'),
                       partition_base_dir=f'{s.lake}/flow/hive').to_table()
    tap.check('pyarrow: with the types of Hive\'s table', table.num_rows == 100 + ours and table.schema.equals(schema) and sorted(set(table['h'].to_pylist())) == [3, 4, 9, 10, 11], table.schema)
    hour = duckdb.sql(f"select count(*) from read_parquet('{s.lake}/flow/hive/y=2026/m=1/d=14/h=9/*')").fetchall()[0][0]
    tap.check('an hour of both', hour > 10, hour)


def impala(s):
    """Impala writes texts without saying that they are."""
    spot.write(f'{s.lake}/flow/hive/y=2016/m=8/d=1/h=0/8f4d0c1a2b3c4d5e-aabbccdd00000000_1234_data.0.parq', 'flow', 5000, 5, annotate=False)
    where = f'{s.lake}/flow/hive/y=*/m=*/d=*/h=*/[!_]*'
    got = duckdb.sql(f"select sip from read_parquet('{where}', hive_partitioning = true, binary_as_string = true) where y = 2016 and m = 8 order by 1").fetchall()
    tap.check('files of Impala: DuckDB with binary_as_string', got == [(f'sip-{5000 + i}',) for i in range(5)], got)
    shutil.rmtree(f'{s.lake}/flow/hive/y=2016/m=8')


def audited(s, *words):
    r = s.command('audit', '--format', 'json', '--grace', '0s', *words)
    lines = [json.loads(line) for line in r.stdout.splitlines()]
    return r, [(f['finding'], f['path']) for f in lines if 'finding' in f], (lines or [{}])[-1]


def lake(base):
    s = Spool(f'{base}/lake-of-spot', **{'foreign': 'keep', 'compact.quiet': '0', 'compact.grace': '0', 'commit': '{ max_events: 1 }'})
    with open(s.config, 'a', encoding='utf-8') as f:
        f.write(f'  dns: {{ watch: {s.watch}, pattern: "*.pcap", dissector: pcap-dns }}\n  proxy: {{ watch: {s.watch}, pattern: "*.log", dissector: elff }}\n')
    before = spot.lake(s.lake)
    for i in range(6):
        s.make(f'nfcapd.2026011409{i:02d}', 5, hours=3)
        s.drop(f'nfcapd.2026011409{i:02d}')
    r = s.command('run', '--once')
    tap.check('ours beside Spot\'s', r.returncode == 0, r)
    as_one_table(s, 30)
    impala(s)

    def untouched():
        now = spot.files(s.lake)
        return [p for p in before if now.get(p) != before[p]]
    r, findings, last = audited(s)
    tables = [p for p in before if '/hive/' in p]
    tap.check('audit: files of others are no damage, and counted', r.returncode == 0 and not findings and (last['others'], last['others_originals']) == (len(tables), 1)
              and last['others_bytes'] == sum(len(before[p]) for p in tables), (r.stderr, findings, last))
    text = s.command('audit', '--grace', '0s').stdout
    tap.check('and it says so', f'{len(tables)} files of other programs in tables' in text and 'original of another program' in text, text)
    audited(s, '--repair')
    tap.check('--repair leaves them alone', not untouched(), untouched())
    r = s.command('compact')
    tap.check('compact takes ours only, and says so', r.returncode == 0 and 'files of other programs: left alone' in r.stdout and not untouched()
              and '18 files became 3' in r.stdout, (r, untouched()))
    s.command('compact')
    as_one_table(s, 30)
    r, findings, last = audited(s)
    tap.check('in order after that, too', r.returncode == 0 and not findings and not untouched(), (findings, last))
    strict(s, before)
    disguised(s)
    expired(s, before)


def strict(s, before):
    """Without the key they are damage, as in any lake."""
    with open(s.config, encoding='utf-8') as f:
        text = f.read()
    with open(s.config, 'w', encoding='utf-8') as f:
        f.write(text.replace('foreign: keep\n', ''))
    r, findings, _ = audited(s, '--repair')
    kinds = [k for k, _ in findings]
    now = spot.files(s.lake)
    tap.check('without the key they are damage; --repair leaves them all the same', r.returncode == 3 and kinds.count('original-unknown') == 1 and kinds.count('table-orphan') == len([p for p in before if '/hive/' in p])
              and all(now.get(p) == before[p] for p in before), findings)
    with open(s.config, 'w', encoding='utf-8') as f:
        f.write(text)


def disguised(s):
    """A file of ours under another name has its rows twice, whatever the key says; and one that is missing is missed."""
    ours = next(p for p in spot.files(s.lake) if p.startswith('flow/hive/y=2026') and 'part-compact' in p)
    shutil.copy(f'{s.lake}/{ours}', f'{s.lake}/{os.path.dirname(ours)}/000000_7')
    _, findings, _ = audited(s)
    tap.check('a copy of ours under a foreign name is still found', findings == [('table-orphan', f'{os.path.dirname(ours)}/000000_7')], findings)
    os.remove(f'{s.lake}/{os.path.dirname(ours)}/000000_7')
    os.rename(f'{s.lake}/{ours}', f'{s.place}/aside')
    _, findings, _ = audited(s)
    tap.check('and one that is missing', ('table-missing', ours) in findings, findings)
    os.rename(f'{s.place}/aside', f'{s.lake}/{ours}')


def expired(s, before):
    """What is old goes, where it is ours."""
    with open(s.config, encoding='utf-8') as f:
        text = f.read()
    with open(s.config, 'w', encoding='utf-8') as f:
        f.write('expire: { tables: 1h, originals: 1h }\n' + text)
    r = s.command('expire', '--yes')
    now = spot.files(s.lake)
    tap.check('expire deletes ours and leaves the others, and says so', [p for p in before if now.get(p) != before[p]] == [] and set(now) == set(before) and 'no manifest names' in r.stdout, (r, set(now) ^ set(before)))


def main():
    with tempfile.TemporaryDirectory(prefix='sluice-spot-') as base:
        same_tables()
        whole(base)
        secured(base)
        missing(base)
        hostile(base)
        files(base)
        lake(base)
    tap.done()


if __name__ == '__main__':
    main()
