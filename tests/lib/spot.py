"""What Apache Spot 1.0 leaves behind, made here: its two configuration files with values of our own, and a lake as Hive, Impala and Spark fill it."""
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq

# Columns of its tables: spot-setup/hive/create_{flow,dns,proxy}_parquet.hql.
TABLES = {
    'flow': 'treceived STRING, unix_tstamp BIGINT, tryear INT, trmonth INT, trday INT, trhour INT, trminute INT, trsec INT, tdur FLOAT, sip STRING, dip STRING, sport INT, '
            'dport INT, proto STRING, flag STRING, fwd INT, stos INT, ipkt BIGINT, ibyt BIGINT, opkt BIGINT, obyt BIGINT, input INT, output INT, sas INT, das INT, dtos INT, '
            'dir INT, rip STRING',
    'dns': 'frame_time STRING, unix_tstamp BIGINT, frame_len INT, ip_dst STRING, ip_src STRING, dns_qry_name STRING, dns_qry_class STRING, dns_qry_type INT, '
           'dns_qry_rcode INT, dns_a STRING',
    'proxy': 'p_date STRING, p_time STRING, clientip STRING, host STRING, reqmethod STRING, useragent STRING, resconttype STRING, duration INT, username STRING, '
             'authgroup STRING, exceptionid STRING, filterresult STRING, webcat STRING, referer STRING, respcode STRING, action STRING, urischeme STRING, uriport STRING, '
             'uripath STRING, uriquery STRING, uriextension STRING, serverip STRING, scbytes INT, csbytes INT, virusid STRING, bcappname STRING, bcappoper STRING, '
             'fulluri STRING',
}
PARTITIONS = {'flow': 'y SMALLINT, m TINYINT, d TINYINT, h TINYINT', 'dns': 'y SMALLINT, m TINYINT, d TINYINT, h TINYINT', 'proxy': 'y STRING, m STRING, d STRING, h STRING'}
ARROW = {'STRING': pa.string(), 'BIGINT': pa.int64(), 'INT': pa.int32(), 'FLOAT': pa.float32()}


def columns(dataset):
    return [tuple(c.split()) for c in TABLES[dataset].split(', ')]


def rows(dataset, first, count):
    """Rows whose numbers count on from `first`, so that each is another."""
    return [{name: (f'{name}-{first + i}' if kind == 'STRING' else first + i) for name, kind in columns(dataset)} for i in range(count)]


def write(path, dataset, first, count, annotate=True):
    """As an engine of Spot writes a file of a partition: every column optional, partition columns in the path only. Impala does not say that its strings are text."""
    schema = pa.schema([(name, pa.binary() if kind == 'STRING' and not annotate else ARROW[kind]) for name, kind in columns(dataset)])
    made = [{k: v.encode() if isinstance(v, str) and not annotate else v for k, v in r.items()} for r in rows(dataset, first, count)]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    pq.write_table(pa.Table.from_pylist(made, schema=schema), path, version='1.0', compression='snappy', store_schema=False)


def ddl(database, dataset, root):
    """The table as Spot's set-up makes it, in words of our own."""
    return f"CREATE EXTERNAL TABLE IF NOT EXISTS {database}.{dataset} ({TABLES[dataset]}) PARTITIONED BY ({PARTITIONS[dataset]}) STORED AS PARQUET LOCATION '{root}/{dataset}/hive'"


def literal(value):
    return 'NULL' if value is None else f"'{value}'" if isinstance(value, str) else str(value)


def by_hive(sql, yes):
    """Whether Spark writes with the writer of Hive's tables, as Hive does, or with its own."""
    for name in ('convertMetastoreParquet', 'convertInsertingPartitionedTable'):
        sql(f'SET spark.sql.hive.{name}={"false" if yes else "true"}')


def insert(sql, database, dataset, of):
    """As Spot's streams: rows of any hours at once, by Spark's own writer. of: [({column: value}, values of the partition columns)]"""
    values = ', '.join('(' + ', '.join(literal(v) for v in (*row.values(), *hour)) + ')' for row, hour in of)
    assert all([*row] == [name for name, _ in columns(dataset)] for row, _ in of)
    sql(f'INSERT INTO {database}.{dataset} PARTITION (y, m, d, h) VALUES {values}')


def stage(sql, hdfs, database, root, flows, hour):
    """As Spot's flow workers: a file of comma-separated lines in stage/, a table over it, an INSERT into the hour of the file's name, by Hive's writer. hour: "y=2026, m=01, d=07, h=01" """
    folder = f'{root}/flow/stage/{len(flows)}'
    hdfs.write(f'{folder}/nfcapd.csv', ''.join(','.join(str(v) for k, v in row.items() if k != 'unix_tstamp') + '\n' for row in flows).encode(), overwrite='true')
    sql(f'DROP TABLE IF EXISTS {database}.flow_tmp')
    sql(f"CREATE EXTERNAL TABLE {database}.flow_tmp ({', '.join(' '.join(c) for c in columns('flow') if c[0] != 'unix_tstamp')}) "
        f"ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' STORED AS TEXTFILE LOCATION '{folder}'")
    by_hive(sql, True)
    names = ', '.join('unix_timestamp(treceived) AS unix_tstamp' if name == 'unix_tstamp' else name for name, _ in columns('flow'))
    sql(f'INSERT INTO TABLE {database}.flow PARTITION ({hour}) SELECT {names} FROM {database}.flow_tmp')
    by_hive(sql, False)
    hdfs.delete(folder)


def ingest(**changes):
    """ingest_conf.json, one key a line from line 2 on."""
    whole = {
        'dbname': 'telemetry', 'hdfs_app_path': '/user/spot', 'collector_processes': 5, 'ingestion_interval': 1,
        'spark-streaming': {'driver_memory': '2g', 'spark_exec': '', 'spark_executor_memory': '4g', 'spark_executor_cores': '', 'spark_batch_size': '30'},
        'kafka': {'kafka_server': 'broker1.example', 'kafka_port': '9092', 'zookeper_server': 'zk1.example', 'zookeper_port': '2181', 'message_size': 900000},
        'pipelines': {
            'flow_internals': {'type': 'flow', 'collector_path': '/data/flow', 'local_staging': '/tmp/', 'supported_files': ['nfcapd.'], 'process_opt': ''},
            'dns': {'type': 'dns', 'collector_path': '/data/dns', 'local_staging': '/tmp/', 'supported_files': ['.pcap', 'resolver'], 'pkt_num': '650000',
                    'pcap_split_staging': '/data/split',
                    'process_opt': '-E separator=, -E header=y -E occurrence=f -T fields ' + ' '.join('-e ' + f for f in (
                        'frame.time', 'frame.time_epoch', 'frame.len', 'ip.src', 'ip.dst', 'dns.resp.name', 'dns.resp.type', 'dns.resp.class', 'dns.flags.rcode', 'dns.a'))
                    + " 'dns.flags.response == 1'"},
            'proxy': {'type': 'proxy', 'collector_path': '/data/proxy', 'supported_files': ['.log'], 'parser': 'bluecoat.py'}}}
    whole.update(changes)
    return json.dumps(whole, indent=1)


CONF = """# nodes
UINODE='node1'
HUSER='/user/spot'
NAME_NODE='nn1.example'
WEB_PORT=50070
DNS_PATH=${HUSER}/${DSOURCE}/hive/y=${YR}/
DBNAME='telemetry'
DBENGINE="impala"
IMPALA_DEM=node4
KERBEROS='false'
KINIT=/usr/bin/kinit
PRINCIPAL='spot'
KEYTAB='/etc/spot.keytab'
SASL_MECH='GSSAPI'
SECURITY_PROTO='sasl_plaintext'
SSL='false'
TOPIC_COUNT=20
USER_DOMAIN=''
"""


def lake(root):
    """A lake that Spot wrote: {path in the lake: bytes}. Rows 1 to 100 of flow, 1 to 20 of dns, 1 to 20 of proxy."""
    write(f'{root}/flow/hive/y=2016/m=7/d=8/h=3/000000_0', 'flow', 1, 40)
    write(f'{root}/flow/hive/y=2016/m=7/d=8/h=3/000000_0_copy_1', 'flow', 41, 20)
    write(f'{root}/flow/hive/y=2016/m=7/d=8/h=4/part-00000-3f6a1c9e-1d0b-4b57-9a53-7b1de1f0b8aa-c000.snappy.parquet', 'flow', 61, 20)
    write(f'{root}/flow/hive/y=2016/m=7/d=8/h=4/part-r-00000-7c1b2f60-1111-2222-3333-123456789012.parquet', 'flow', 81, 10)
    write(f'{root}/flow/hive/y=2026/m=1/d=14/h=9/000000_0', 'flow', 91, 10)
    write(f'{root}/dns/hive/y=2016/m=07/d=08/h=03/000000_0', 'dns', 1, 20)
    write(f'{root}/proxy/hive/y=2016/m=07/d=08/h=03/part-00001', 'proxy', 1, 20)
    write(f'{root}/flow/hive/oa/suspicious/y=2016/m=7/d=8/000000_0', 'flow', 900, 3)
    others = {'flow/binary/20160708/03/nfcapd.201607080300': b'an original that Spot archived', 'flow/hive/y=2016/m=7/d=8/h=3/_SUCCESS': b'',
              'flow/hive/_impala_insert_staging/x/part': b'half', 'flow/stage/123/nfcapd.csv': b'1,2,3\n'}
    for name, content in others.items():
        os.makedirs(os.path.dirname(f'{root}/{name}'), exist_ok=True)
        with open(f'{root}/{name}', 'wb') as f:
            f.write(content)
    return files(root)


def files(root):
    """Every file of a lake outside _sluice: {path: bytes}."""
    found = {}
    for place, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f != '_sluice']
        for name in names:
            path = os.path.join(place, name)
            with open(path, 'rb') as f:
                found[os.path.relpath(path, root)] = f.read()
    return found
