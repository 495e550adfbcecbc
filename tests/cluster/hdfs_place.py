"""One instance whose lake is in HDFS, with a database of its own in a metastore: what is fed, what lies there, what Spark SQL reads."""
import os
import re
import time

from cluster.webhdfs import Hdfs
from spool import Spool

MARK = f'{os.getpid()}_{time.time_ns() // 1_000_000}'


class HdfsPlace(Spool):
    """c: a session() with hdfs; url: of the metastore; area: what is tested, for names."""

    def __init__(self, c, folder, name, url, area, **keys):
        place = os.path.join(folder, f'{area}_{name}')
        os.mkdir(place)
        self.hdfs, self.root, self.database = Hdfs(c.hdfs.http, c.hdfs.user), f'/{area}/{MARK}/{name}', f'{area}_{name}_{MARK}'
        self.location = f'{c.hdfs.rpc}{self.root}'
        super().__init__(place, url=f'{c.hdfs.http.replace("http", "webhdfs")}{self.root}', webhdfs=f'{{ user: {c.hdfs.user} }}', state=f'{place}/state', workers=1,
                         catalog=f'{url}/{self.database}', **{'catalog.location': self.location}, collect='{ settle: 0 }', commit='{ max_events: 1 }', **{'compact.quiet': '0'}, **keys)

    def put_key(self, key, text):
        """Another value for a key that the configuration has, or a new line in front of it."""
        with open(self.config, encoding='utf-8') as f:
            old = f.read()
        line = f'{key}: {text}'
        new, found = re.subn(rf'^{re.escape(key)}: .*$', lambda _: line, old, flags=re.M)
        with open(self.config, 'w', encoding='utf-8') as f:
            f.write(new if found else f'{line}\n{old}')

    def inside(self, folder=''):
        """{path below: size}"""
        return {p.removeprefix(f'{self.root}/'): n for p, n in self.hdfs.walk(f'{self.root}/{folder}'.rstrip('/')).items()}

    def mirror(self, to):
        for path in self.inside():
            target = os.path.join(to, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            self.hdfs.fetch(f'{self.root}/{path}', target)
        return to
