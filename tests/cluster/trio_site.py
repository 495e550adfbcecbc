"""All three datasets in small form (tests/lib/trio.py) on Kafka, HDFS and a metastore: where they go, when all of it has arrived, and a copy to look at."""
import json
import os
import subprocess

from hms import Metastore
from spool import wait_for
from trio import DATASETS

from .webhdfs import Hdfs

SESSION_S, LIMIT_S, SWEPT_S = 6, 180, 70


class TrioSite:
    def __init__(self, c, name):
        """name: of the instance, of the lake's folder in HDFS, and of the database"""
        self.c, self.name, self.database = c, name, name.replace('-', '_')
        self.hdfs, self.hms = Hdfs(c.hdfs.http), Metastore(c.metastore.host, c.metastore.port)

    def keys(self, **more):
        c = self.c
        return {'url': f'webhdfs://{c.hdfs.http.removeprefix("http://")}/{self.name}', 'instance': self.name, 'workers': 1, 'webhdfs': f'{{ user: {c.hdfs.user} }}',
                'bus': f'kafka://{c.kafka.bootstrap}', 'kafka': f'{{ session.timeout.ms: {SESSION_S * 1000}, heartbeat.interval.ms: 1000 }}',
                'catalog': f'{c.metastore.url}/{self.database}', 'catalog.location': f'{c.hdfs.rpc}/{self.name}', 'catalog.user': c.hdfs.user, 'catalog.timeout': '60s', **more}

    def settled(self, t):
        """Every file is committed, as the collector knows."""
        if t.wrong_sources():
            return False
        done = subprocess.run([t.sluice, 'status', '-c', t.config, '--json'], capture_output=True, text=True, timeout=60, check=False)
        return bool(done.stdout) and sum(p['committed'] for p in json.loads(done.stdout)['pipelines']) == sum(map(len, t.inputs.values()))

    def unknown(self):
        """Partitions that the lake has and the metastore does not, or the other way round."""
        out = []
        for dataset in DATASETS:
            root = f'/{self.name}/{dataset}/hive'
            there = {os.path.dirname(p).removeprefix(root + '/') for p in self.hdfs.walk(root)}
            out += sorted(there ^ self.hms.names(self.database, dataset))
        return out

    def arrived(self, t):
        """Wait until all is committed and registered, and for staging: uploads of a collector that died may arrive after it was swept, which it does again each minute; those of
        a living one go when it leaves. What is not there."""
        if not wait_for(lambda: self.settled(t), LIMIT_S, 1):
            return ['not every file was committed']
        if not wait_for(lambda: not self.unknown(), LIMIT_S, 1):
            return [f'the metastore does not know {self.unknown()}']
        wait_for(lambda: not self.staged(), SWEPT_S, 1)
        return []

    def staged(self):
        return sorted(self.hdfs.walk(f'/{self.name}/_sluice/staging'))

    def mirror(self, t):
        """Copy the lake to where t has one, and delete it."""
        for path in self.hdfs.walk(f'/{self.name}'):
            target = os.path.join(t.lake, path.removeprefix(f'/{self.name}/'))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            self.hdfs.fetch(path, target)
        self.hdfs.delete(f'/{self.name}')

    def judge(self, t, wanted):
        """Copy the lake, look at it, and delete it. What is wrong."""
        self.mirror(t)
        found = t.content()
        return ([f'tables hold {found}, undisturbed {wanted}'] if found != wanted else []) + t.wrong() + t.wrong_sources()
