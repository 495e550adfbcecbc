"""Two generations of the Hive Metastore, each on a Derby database on disk: 2.3.10 out of pyspark's jars, and 4.0.1."""
import os
import socket
import struct
import subprocess

from . import jars, site, spark
from .server import Server, java
from .webhdfs import USER

PORTS = 1
HERE = os.path.dirname(os.path.abspath(__file__))
MAIN = 'org.apache.hadoop.hive.metastore.HiveMetaStore'


def shim(folder):
    """2.3 listens on every address and has no setting for it: this library, loaded before libc, makes that the loopback address."""
    library = f'{folder}/loopback.so'
    subprocess.run(['cc', '-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, f'{HERE}/loopback.c', '-ldl'], check=True)
    return library


def configure(folder, name, values, default_fs):
    conf = f'{folder}/conf'
    os.makedirs(conf, exist_ok=True)
    site.write(f'{conf}/{name}', {
        'javax.jdo.option.ConnectionURL': f'jdbc:derby:;databaseName={folder}/db;create=true',
        'datanucleus.schema.autoCreateAll': 'true',
        'hive.metastore.schema.verification': 'false',
        'hive.metastore.warehouse.dir': f'file://{folder}/warehouse',
        **values,
    })
    site.write(f'{conf}/core-site.xml', {'fs.defaultFS': default_fs} if default_fs else {})
    with open(f'{conf}/log4j2.properties', 'w', encoding='utf-8') as f:
        f.write(site.LOG4J2)
    return conf


def command(folder, conf, class_path, port):
    flags = [f'-Djava.io.tmpdir={folder}', f'-Dderby.system.home={folder}', f'-Dderby.stream.error.file={folder}/derby.log', f'-Dlog4j2.configurationFile={conf}/log4j2.properties',
             f'-Dlog4j.configurationFile={conf}/log4j2.properties']
    return java(384, f'{conf}:{class_path}', MAIN, '-p', str(port), flags=flags)


def servers_2(run, ports, others):
    folder = f'{run}/metastore'
    os.makedirs(folder, exist_ok=True)
    conf = configure(folder, 'hive-site.xml', {
        'javax.jdo.option.ConnectionDriverName': 'org.apache.derby.iapi.jdbc.AutoloadedDriver',
        'hive.async.log.enabled': 'false',
        'hive.metastore.server.min.threads': 4,
    }, others.get('hdfs', {}).get('rpc'))
    server = Server('metastore', command(folder, conf, spark.jars_folder() + '/*', ports[0]), folder,
                    env={'LD_PRELOAD': shim(folder), 'HADOOP_USER_NAME': USER})
    return [server], {'host': '127.0.0.1', 'port': ports[0], 'url': f'thrift://127.0.0.1:{ports[0]}'}


def servers_4(run, ports, others):
    folder = f'{run}/metastore4'
    os.makedirs(folder, exist_ok=True)
    conf = configure(folder, 'metastore-site.xml', {
        'javax.jdo.option.ConnectionDriverName': 'org.apache.derby.jdbc.EmbeddedDriver',
        'metastore.async.log.enabled': 'false',
        'metastore.thrift.bind.host': '127.0.0.1',
        'metastore.task.threads.always': 'org.apache.hadoop.hive.metastore.events.EventCleanerTask',
        'metastore.server.min.threads': 4,
        'metastore.warehouse.dir': f'file://{folder}/warehouse',
    }, others.get('hdfs', {}).get('rpc'))
    server = Server('metastore4', command(folder, conf, jars.class_path('hive'), ports[0]), folder, env={'HADOOP_USER_NAME': USER})
    return [server], {'host': '127.0.0.1', 'port': ports[0], 'url': f'thrift://127.0.0.1:{ports[0]}'}


def _call(where, name, arguments, seconds):
    """One thrift call, binary protocol. The kind of the answer and its first field: (message type, field type, field id)."""
    message = struct.pack('>Ii', 0x80010001, len(name)) + name.encode() + struct.pack('>i', 1) + arguments + b'\0'
    with socket.create_connection((where['host'], where['port']), seconds) as s, s.makefile('rb') as answer:
        s.sendall(message)
        kind, length = struct.unpack('>Ii', answer.read(8))
        answer.read(length + 4)
        field = answer.read(1)
        return kind & 0xff, field[0], struct.unpack('>h', answer.read(2))[0] if field != b'\0' else 0


def _text(ident, value):
    return struct.pack('>bhi', 11, ident, len(value)) + value.encode()


REPLY, STRUCT, STOP = 2, 12, 0


def database(where, name, seconds=10):
    """Whether there is a database of that name."""
    answer = _call(where, 'get_database', _text(1, name), seconds)
    if answer not in ((REPLY, STRUCT, 0), (REPLY, STRUCT, 1)):
        raise ValueError(f'get_database answers {answer}')
    return answer[2] == 0


def create_database(where, name, location, seconds=30):
    """A database; raises ValueError when the metastore refuses."""
    made = struct.pack('>bh', STRUCT, 1) + _text(1, name) + _text(2, '') + _text(3, location) + struct.pack('>bhbbi', 13, 4, 11, 11, 0) + b'\0'
    answer = _call(where, 'create_database', made, seconds)
    if answer != (REPLY, STOP, 0):
        raise ValueError(f'create_database answers {answer}')


def ready(where):
    """Raises OSError, struct.error or ValueError until get_database answers: an open port proves nothing."""
    if not database(where, 'default'):
        raise ValueError('there is no database called default')
