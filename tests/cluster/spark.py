"""Spark's environment: where its Python and jars lie."""
import os
import subprocess

from . import jars

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_found = {}


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
