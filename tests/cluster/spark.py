"""Spark: where its Python and jars lie, and a session that answers SQL."""
import json
import os
import subprocess
import tempfile

from . import jars

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_found = {}


def java_options(folder, brief=True):
    """folder: for what a killed one leaves. brief: its life is short; half the processor time of the first minute"""
    return f'-Djava.io.tmpdir={folder}' + (' -XX:TieredStopAtLevel=1 -XX:+UseSerialGC' if brief else '')


def python():
    """The Python that has pyspark; made when it is missing."""
    if 'python' not in _found:
        _found['python'] = subprocess.run([f'{ROOT}/tools/venv.sh', 'spark'], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return _found['python']


def home():
    """The folder of the pyspark package, SPARK_HOME."""
    if 'home' not in _found:
        lib = os.path.join(os.path.dirname(os.path.dirname(python())), 'lib')
        _found['home'] = next(p for p in (os.path.join(lib, v, 'site-packages', 'pyspark') for v in sorted(os.listdir(lib))) if os.path.isdir(p))
    return _found['home']


def jars_folder():
    return os.path.join(home(), 'jars')


def connectors():
    """The five jars that read Kafka and Avro, as spark.jars takes them."""
    lib = os.path.join(jars.folder('spark-connectors'), 'lib')
    return ','.join(sorted(os.path.join(lib, name) for name in os.listdir(lib)))


def client_of_4():
    """Settings with which Spark talks to a metastore 4."""
    places = [os.path.join(jars.folder(name), 'lib') for name in ('hive-client', 'hive')]
    return {'spark.sql.hive.metastore.version': jars.SETS['hive-client']['version'], 'spark.sql.hive.metastore.jars': 'path',
            'spark.sql.hive.metastore.jars.path': ','.join(f'file://{place}/*.jar' for place in places)}


class Session:
    """A Spark that knows the tables of a cluster's metastore, in a process of its own. Comes up while the test does something else.

        spark = Session(c)
        spark.sql('select count(*) from spot.flow')    [[1234]]
        spark.ask('select ibyt from spot.flow')        {'columns': [['ibyt', 'bigint']], 'rows': [[40], …]}
    """

    def __init__(self, c, log=None, metastore='metastore', **settings):
        """c: a session() with hdfs and this metastore. log: of Spark, else among the cluster's. settings: further ones of Spark, with _ for the dots"""
        self.log = log or f'{c.run}/log/spark.log'
        values = {
            'spark.driver.host': '127.0.0.1', 'spark.driver.bindAddress': '127.0.0.1', 'spark.driver.memory': '1g',
            'spark.driver.extraJavaOptions': java_options(c.run), 'spark.ui.enabled': 'false',
            'spark.sql.session.timeZone': 'UTC', 'spark.sql.shuffle.partitions': '2',
            'spark.hadoop.fs.defaultFS': c.hdfs.rpc, 'spark.hadoop.hive.metastore.uris': getattr(c, metastore).url,
            'spark.sql.warehouse.dir': f'{c.hdfs.rpc}/warehouse',
            'spark.hadoop.hive.downloaded.resources.dir': f'{c.run}/resources',  # else one is left behind in the folder for temporary files
        } | (client_of_4() if metastore == 'metastore4' else {}) | {k.replace('_', '.'): v for k, v in settings.items()}
        with open(self.log, 'ab') as said:
            self.process = subprocess.Popen([python(), os.path.join(os.path.dirname(os.path.abspath(__file__)), 'spark_sql.py')],
                                            env={**os.environ, 'SPARK_SETTINGS': json.dumps(values), 'SPARK_LOCAL_IP': '127.0.0.1', 'HADOOP_USER_NAME': c.hdfs.user,
                                                 'PYSPARK_PYTHON': python()},
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True, cwd=tempfile.gettempdir())
        self.ready = False

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f'it has ended; {self.log} says why')
        answer = json.loads(line)
        if 'error' in answer:
            raise RuntimeError(answer['error'])
        return answer

    def sql(self, text):
        """Rows as lists; raises RuntimeError with what Spark says."""
        return self.ask(text)['rows']

    def ask(self, text, files=False):
        """columns as [name, type], rows as lists, and files: how many the scan lists after pruning. Raises RuntimeError with what Spark says."""
        if not self.ready:
            self.ready = bool(self._answer()['ready'])
        self.process.stdin.write(json.dumps({'sql': text, 'files': files}) + '\n')
        self.process.stdin.flush()
        return self._answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
