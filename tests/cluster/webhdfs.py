"""HDFS seen over WebHDFS, as little of it as probes and tests need. Independent of sluice's own client on purpose."""
import contextlib
import http.client
import json
import shutil
import string
import urllib.error
import urllib.parse
import urllib.request

USER = 'sluice'


class Hdfs:
    """address: http://HOST:PORT of the name node"""

    def __init__(self, address, user=USER):
        self.address, self.user = address, user

    def url(self, path, op, **parameters):
        query = urllib.parse.urlencode({'op': op, 'user.name': self.user, **parameters})
        return f'{self.address}/webhdfs/v1{urllib.parse.quote(path)}?{query}'

    def call(self, method, path, op, data=None, seconds=30, **parameters):
        """The body of the answer; raises OSError (urllib.error.URLError) with what the server said."""
        request = urllib.request.Request(self.url(path, op, **parameters), data=data, method=method)
        request.add_header('Content-Type', 'application/octet-stream')
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return answer.read()
        except urllib.error.HTTPError as e:
            e.msg = f'{e.msg}: {e.read()[:300]!r}'
            raise
        except http.client.HTTPException as e:
            raise OSError(f'{op} {path}: {e!r}') from e

    def write(self, path, content, **parameters):
        where = json.loads(self.call('PUT', path, 'CREATE', noredirect='true', **parameters))['Location']
        # the JSON form of the answer shows names as they are
        where = urllib.parse.quote(where, safe=string.punctuation)
        request = urllib.request.Request(where, data=content, method='PUT', headers={'Content-Type': 'application/octet-stream'})
        urllib.request.urlopen(request, timeout=120).read()

    def read(self, path):
        return self.call('GET', path, 'OPEN', seconds=120)

    def fetch(self, path, target):
        """Into a local file, whatever its size."""
        with urllib.request.urlopen(self.url(path, 'OPEN'), timeout=120) as answer, open(target, 'wb') as f:
            shutil.copyfileobj(answer, f, 1 << 20)

    def mkdirs(self, path, permission='755'):
        self.call('PUT', path, 'MKDIRS', permission=permission)

    def delete(self, path):
        return json.loads(self.call('DELETE', path, 'DELETE', recursive='true'))['boolean']

    def list(self, path):
        """Entries of a folder; none when it is not there."""
        try:
            return json.loads(self.call('GET', path, 'LISTSTATUS'))['FileStatuses']['FileStatus']
        except urllib.error.HTTPError as e:
            if e.code == 404:
                return []
            raise

    def walk(self, path):
        """{path of a file: its length} below a folder."""
        found = {}
        for entry in self.list(path):
            below = f'{path.rstrip("/")}/{entry["pathSuffix"]}'
            if entry['type'] == 'DIRECTORY':
                found |= self.walk(below)
            else:
                found[below] = entry['length']
        return found


@contextlib.contextmanager
def room(c, path):
    """A folder of HDFS for one script, as an Hdfs; gone afterwards, when HDFS is there."""
    hdfs = Hdfs(c.hdfs.http)
    hdfs.mkdirs(path)
    try:
        yield hdfs
    finally:
        with contextlib.suppress(OSError):  # urllib's errors are of that kind
            hdfs.delete(path)


def beans(address, query, seconds=3):
    """A server's own figures."""
    with urllib.request.urlopen(f'{address}/jmx?qry={query}', timeout=seconds) as answer:
        return json.load(answer)['beans']
