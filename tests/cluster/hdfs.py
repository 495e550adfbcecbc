"""HDFS: a name node and data nodes, each of them answering WebHDFS over HTTP and over HTTPS."""
import os
import subprocess

from . import authority, jars, site
from .server import Server, java
from .webhdfs import USER, Hdfs, beans

NODES = 2
PORTS = 3 + 4 * NODES
CANARY = '/tmp/canary'
FLAGS = ['--add-opens=java.base/java.lang=ALL-UNNAMED']  # without it every WebHDFS call is a 500


def configure(folder, ports, ca, host='127.0.0.1', core=None, more=None):
    """core, more: further values of core-site and hdfs-site"""
    conf = f'{folder}/conf'
    for web in ('hdfs', 'datanode', 'static'):
        os.makedirs(f'{conf}/webapps/{web}', exist_ok=True)
    rpc, http, https = ports[:3]
    site.write(f'{conf}/core-site.xml', {
        'fs.defaultFS': f'hdfs://127.0.0.1:{rpc}',
        'hadoop.tmp.dir': f'{folder}/tmp',
        'hadoop.http.staticuser.user': USER,
        **(core or {}),
    })
    site.write(f'{conf}/hdfs-site.xml', {
        'dfs.namenode.rpc-address': f'127.0.0.1:{rpc}',
        'dfs.namenode.rpc-bind-host': '127.0.0.1',
        'dfs.http.policy': 'HTTP_AND_HTTPS',
        'dfs.namenode.http-address': f'127.0.0.1:{http}',
        'dfs.namenode.http-bind-host': '127.0.0.1',
        'dfs.namenode.https-address': f'127.0.0.1:{https}',
        'dfs.namenode.https-bind-host': '127.0.0.1',
        'dfs.namenode.name.dir': f'file://{folder}/name',
        'dfs.namenode.datanode.registration.ip-hostname-check': 'false',
        'dfs.namenode.safemode.extension': 0,
        'dfs.namenode.safemode.min.datanodes': 1,
        'dfs.namenode.handler.count': 10,
        'dfs.namenode.heartbeat.recheck-interval': 2000,
        'dfs.heartbeat.interval': '1s',
        'dfs.replication': NODES,
        # a block that has lost a node stays writable with the others
        'dfs.client.block.write.replace-datanode-on-failure.policy': 'NEVER',
        'dfs.webhdfs.enabled': 'true',
        'dfs.datanode.hostname': host,
        # the default of 400 ms makes small files 5 a second
        'dfs.client.block.write.locateFollowingBlock.initial.delay.ms': 5,
        'dfs.datanode.round-robin-volume-choosing-policy.additional-available-space': 0,
        'dfs.datanode.du.reserved': 0,
        **(more or {}),
    })
    site.write(f'{conf}/ssl-server.xml', {
        'ssl.server.keystore.location': f'{ca}/server.p12',
        'ssl.server.keystore.type': 'pkcs12',
        'ssl.server.keystore.password': authority.PASSWORD,
        'ssl.server.keystore.keypassword': authority.PASSWORD,
    })
    with open(f'{conf}/log4j.properties', 'w', encoding='utf-8') as f:
        f.write(site.LOG4J1)
    with open(f'{conf}/logging.properties', 'w', encoding='utf-8') as f:
        f.write('.level=SEVERE\n')
    return conf


def name_and_data(run, ports, conf, names, flags=(), env=None):
    """The servers of these names, the name node first, and {data node: its address}."""
    folder, path = os.path.dirname(conf), jars.class_path('hadoop', conf)
    flags = [*FLAGS, f'-Djava.io.tmpdir={folder}', f'-Djava.util.logging.config.file={conf}/logging.properties', *flags]
    name_node = 'org.apache.hadoop.hdfs.server.namenode.NameNode'
    made = [Server(names[0], java(256, path, name_node, flags=flags), f'{run}/{names[0]}',
                   java(128, path, name_node, '-format', '-force', '-nonInteractive', flags=flags), env)]
    nodes = {}
    for n, name in enumerate(names[1:]):
        data, http, https, ipc = ports[3 + 4 * n:7 + 4 * n]
        words = [f'-Ddfs.datanode.data.dir=file://{folder}/data{n + 1}', f'-Ddfs.datanode.address=127.0.0.1:{data}',
                 f'-Ddfs.datanode.http.address=127.0.0.1:{http}', f'-Ddfs.datanode.https.address=127.0.0.1:{https}', f'-Ddfs.datanode.ipc.address=127.0.0.1:{ipc}']
        made.append(Server(name, java(256, path, 'org.apache.hadoop.hdfs.server.datanode.DataNode', *words, flags=flags), f'{run}/{name}', env=env))
        nodes[name] = f'http://127.0.0.1:{http}'
    return made, nodes


def servers(run, ports, _):
    """The name node and its data nodes, and what a client must know."""
    folder, ca = f'{run}/hdfs', authority.of(run)
    conf = configure(folder, ports, ca)
    made, nodes = name_and_data(run, ports, conf, ['namenode', *(f'datanode{n + 1}' for n in range(NODES))], env={'HADOOP_USER_NAME': USER})
    return made, {'http': f'http://127.0.0.1:{ports[1]}', 'https': f'https://127.0.0.1:{ports[2]}', 'rpc': f'hdfs://127.0.0.1:{ports[0]}',
                  'ca': f'{ca}/ca.pem', 'user': USER, 'nodes': nodes, 'conf': conf}


def admin(where, *words):
    """One order of an administrator, as by `hdfs dfsadmin`."""
    command = java(128, jars.class_path('hadoop', where['conf']), 'org.apache.hadoop.hdfs.tools.DFSAdmin', *words, flags=FLAGS)
    subprocess.run(command, env={**os.environ, 'HADOOP_USER_NAME': where['user']}, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)


def name_node_ready(where):
    """Raises OSError or ValueError until a file can be written and read: an operational state alone was seen to refuse both."""
    state = beans(where['http'], 'Hadoop:service=NameNode,name=FSNamesystemState')
    if not state or state[0]['FSState'] != 'Operational':
        raise ValueError('the name node is in safe mode')
    hdfs = Hdfs(where['http'])
    if hdfs.list(CANARY):
        hdfs.read(CANARY)
    hdfs.write(CANARY, b'sings', overwrite='true')
    if hdfs.read(CANARY) != b'sings':
        raise ValueError('the canary is silent')


def data_node_ready(name, where):
    """Raises until the data node serves blocks to the name node."""
    info = beans(where['nodes'][name], 'Hadoop:service=DataNode,name=DataNodeInfo')
    if not info or '"ActorState":"RUNNING"' not in info[0]['BPServiceActorInfo'].replace(' ', ''):
        raise ValueError('the data node is not registered')


READY = {f'datanode{n + 1}': (lambda where, name=f'datanode{n + 1}': data_node_ready(name, where)) for n in range(NODES)} | {'namenode': name_node_ready}
