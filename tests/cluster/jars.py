"""The servers' jars, resolved once through Maven into the cache folder, which lies outside the tree: every checkout shares them.

    folder('kafka')        .../sluice/cluster/kafka-4.4.0, whose lib/ holds the jars; fetched first when it is not there
    python3 jars.py        fetches every set and prints where each lies

A set is made in a temporary folder and renamed, under a lock, so that it is whole or absent. A changed definition makes it anew. The
versions are those that run together: doc/cluster-tests.md.
"""
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile

PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
TRIES = 3  # a registry may be busy for a moment

# version: names the folder. artifacts: what is asked for; "only" leaves out what an artifact depends on, and a list names what is left
# out. jars: names that must be there afterwards.
SETS = {
    'kafka': {
        'version': '4.4.0',
        'artifacts': [('org.apache.kafka:kafka_2.13:4.4.0', []), ('org.apache.logging.log4j:log4j-slf4j-impl:2.25.5', [])],
        'jars': ['kafka_2.13-4.4.0', 'kafka-clients-4.4.0', 'log4j-slf4j-impl-2.25.5'],
    },
    # its SCRAM accepts librdkafka before 2.6.1, which repeats the nonce; brokers from 4.0 on refuse that
    'kafka3': {
        'version': '3.9.1',
        'artifacts': [('org.apache.kafka:kafka_2.13:3.9.1', []), ('org.apache.logging.log4j:log4j-slf4j-impl:2.25.5', [])],
        'jars': ['kafka_2.13-3.9.1', 'kafka-clients-3.9.1', 'log4j-slf4j-impl-2.25.5'],
    },
    'hadoop': {
        'version': '3.4.3',
        'artifacts': [(f'org.apache.hadoop:{name}:3.4.3', []) for name in ('hadoop-common', 'hadoop-hdfs', 'hadoop-hdfs-client')],
        'jars': ['hadoop-common-3.4.3', 'hadoop-hdfs-3.4.3', 'hadoop-hdfs-client-3.4.3'],
    },
    'hive': {
        'version': '4.0.1',
        'artifacts': [
            ('org.apache.hive:hive-standalone-metastore-server:4.0.1',
             ['jdk.tools:jdk.tools', 'org.apache.hadoop:hadoop-common', 'org.slf4j:slf4j-log4j12', 'log4j:log4j']),
            ('org.apache.hadoop:hadoop-client-api:3.3.6', []),
            ('org.apache.hadoop:hadoop-client-runtime:3.3.6', []),
            ('org.apache.hadoop:hadoop-hdfs:3.3.6', 'only'),
            ('commons-cli:commons-cli:1.5.0', []),
            ('commons-logging:commons-logging:1.2', ['*:*']),
        ],
        'jars': ['hive-standalone-metastore-server-4.0.1', 'hadoop-client-api-3.3.6', 'hadoop-client-runtime-3.3.6', 'hadoop-hdfs-3.3.6'],
    },
    # with the jars of the metastore: what Spark asks a metastore 4 with, because the one that it brings cannot
    'hive-client': {
        'version': '4.0.1',
        'artifacts': [(f'org.apache.hive:hive-{name}:4.0.1', 'only') for name in ('common', 'exec', 'metastore', 'serde', 'storage-api')],
        'jars': ['hive-common-4.0.1', 'hive-exec-4.0.1', 'hive-metastore-4.0.1', 'hive-serde-4.0.1', 'hive-storage-api-4.0.1'],
    },
    'spark-connectors': {
        'version': '4.0.0',
        'artifacts': [(f'org.apache.spark:{name}_2.13:4.0.0', 'only') for name in ('spark-sql-kafka-0-10', 'spark-token-provider-kafka-0-10', 'spark-avro')]
        + [('org.apache.kafka:kafka-clients:3.9.0', 'only'), ('org.apache.commons:commons-pool2:2.12.0', 'only')],
        'jars': ['spark-sql-kafka-0-10_2.13-4.0.0', 'spark-token-provider-kafka-0-10_2.13-4.0.0', 'spark-avro_2.13-4.0.0', 'kafka-clients-3.9.0',
                 'commons-pool2-2.12.0'],
    },
}


def cache():
    """The folder of everything that is fetched; its variable is SLUICE_CACHE."""
    return os.environ.get('SLUICE_CACHE') or os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'sluice')


def pom(name):
    """A project that does nothing but depend on the artifacts of a set."""
    dependencies = ''
    for artifact, without in SETS[name]['artifacts']:
        group, ident, version = artifact.split(':')
        without = ['*:*'] if without == 'only' else without
        left_out = ''.join('<exclusion><groupId>{}</groupId><artifactId>{}</artifactId></exclusion>'.format(*w.split(':')) for w in without)
        dependencies += (f'<dependency><groupId>{group}</groupId><artifactId>{ident}</artifactId><version>{version}</version>'
                         f'<exclusions>{left_out}</exclusions></dependency>\n')
    return ('<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>\n'
            f'<groupId>sluice.test</groupId><artifactId>{name}</artifactId><version>1</version>\n<dependencies>\n{dependencies}</dependencies></project>\n')


def place(name):
    return os.path.join(cache(), 'cluster', f'{name}-{SETS[name]["version"]}')


def missing(name, at):
    """Jars that the folder must hold and does not: those of the definition, and those that it held when it was made, by name and size."""
    try:
        with open(os.path.join(at, 'contents.json'), encoding='utf-8') as f:
            contents = json.load(f)
    except (OSError, ValueError):
        return ['contents.json']
    if contents['pom'] != pom(name):
        return ['pom.xml']
    lib = os.path.join(at, 'lib')
    size = {e.name: e.stat().st_size for e in os.scandir(lib)} if os.path.isdir(lib) else {}
    wanted = dict.fromkeys((f'{jar}.jar' for jar in SETS[name]['jars']), None) | contents['jars']
    return sorted(jar for jar, length in wanted.items() if jar not in size or (length is not None and size[jar] != length))


@contextlib.contextmanager
def locked(name):
    """One fetch of a set at a time; others wait."""
    os.makedirs(os.path.join(cache(), 'cluster'), exist_ok=True)
    with open(os.path.join(cache(), 'cluster', f'{name}.lock'), 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fetch(name):
    """Make the folder of a set; raises RuntimeError with Maven's last words."""
    with tempfile.TemporaryDirectory(prefix=f'.{name}-', dir=os.path.join(cache(), 'cluster')) as temporary:
        with open(os.path.join(temporary, 'pom.xml'), 'w', encoding='utf-8') as f:
            f.write(pom(name))
        for left in reversed(range(TRIES)):
            run = subprocess.run(['mvn', '-q', '-B', '-f', f'{temporary}/pom.xml', PLUGIN, f'-DoutputDirectory={temporary}/lib', '-DincludeScope=runtime'],
                                 stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if run.returncode == 0:
                break
            if left == 0:
                raise RuntimeError(f'Maven did not fetch the jars of {name}:\n{(run.stdout + run.stderr)[-2000:]}')
        jars = {e.name: e.stat().st_size for e in os.scandir(f'{temporary}/lib')}
        with open(os.path.join(temporary, 'contents.json'), 'w', encoding='utf-8') as f:
            json.dump({'pom': pom(name), 'jars': jars}, f, indent=1, sort_keys=True)
        lacking = missing(name, temporary)
        if lacking:
            raise RuntimeError(f'the jars of {name} lack {", ".join(lacking)}')
        shutil.rmtree(place(name), ignore_errors=True)
        made = os.path.join(temporary, 'made')
        os.mkdir(made)
        for entry in ('lib', 'pom.xml', 'contents.json'):
            os.rename(os.path.join(temporary, entry), os.path.join(made, entry))
        os.chmod(made, 0o755)
        os.rename(made, place(name))


def folder(name):
    """Where a set lies, fetched when it is not whole."""
    if missing(name, place(name)):
        with locked(name):
            # another run may have made it while this one waited
            if missing(name, place(name)):
                print(f'jars: fetching {name} {SETS[name]["version"]}', file=sys.stderr, flush=True)
                fetch(name)
    return place(name)


def class_path(name, *before):
    """A Java class path: folders that come first, then every jar of the set."""
    return ':'.join([*before, os.path.join(folder(name), 'lib', '*')])


if __name__ == '__main__':
    for each in SETS:
        print(each, folder(each))
