"""The lake in HDFS, over WebHDFS. What the calls answer, and which exception means what, is in doc/store.md; renames that never replace are the REST
interface's renameoptions=NONE, which Hadoop's own FileSystem does not give.

A staged file is kept in memory up to 1 MiB, beyond that in a temporary file of this machine, and sent when it is finished: so an upload can be
tried again with another data node.
"""
import http.client
import json
import os
import secrets
import ssl
import tempfile
import time
import urllib.parse

from .errors import Again, Broken, Usage
from .lake import Lake, Sink

SMALL = 1 << 20
PATIENCE, UPLOAD_PATIENCE = 8.0, 15.0
WAIT_LEAST, WAIT_MOST = 0.04, 2.0
ELSEWHERE = {'StandbyException', 'ObserverRetryOnActiveException', 'RetriableException'}
LATER = {'SafeModeException'}
ABSENT = {'FileNotFoundException'}
TAKEN = {'FileAlreadyExistsException', 'AlreadyBeingCreatedException'}
LASTING = {'AccessControlException', 'AuthorizationException', 'SecurityException', 'IllegalArgumentException', 'InvalidPathException',
           'UnsupportedOperationException', 'PathComponentTooLongException', 'ParentNotDirectoryException', 'PathIsNotDirectoryException'}


class _Answer(Exception):
    """What HDFS says instead of doing it."""

    def __init__(self, status, raw):
        try:
            remote = json.loads(raw)['RemoteException']
            self.name, message = remote['exception'], remote['message']
        except (ValueError, KeyError, TypeError):
            self.name, message = f'HTTP {status}', raw[:200].decode('utf-8', 'replace')
        super().__init__(f'{self.name}: {message.splitlines()[0] if message else ""}')


class _Lost(Exception):
    """No answer came, or half of one: it may be done, or not."""


class _Unreached(Exception):
    """Nobody was there: it is not done."""


class _Web:
    """One connection a name node; every answer is read whole."""

    def __init__(self, place):
        options = place['options']
        self.secure = place['scheme'] != 'webhdfs'
        port = 9871 if self.secure else 9870
        self.nodes = [h if ':' in h else f'{h}:{port}' for h in place['hosts'].split(',') if h]
        if not self.nodes:
            raise Usage('lake: a name node is wanted: webhdfs://HOST:PORT/FOLDER')
        if options.get('auth', 'simple') != 'simple':
            raise Usage('webhdfs.auth: the Spark worker knows simple, and tokens')
        self.timeout = options.get('timeout_ms', 30000) / 1000
        self.token_file = options.get('token_file')
        self.user = options.get('user') or os.environ.get('HADOOP_USER_NAME') or _who()
        self.create = ''.join(f'&{k}={options[k]}' for k in ('replication', 'blocksize') if options.get(k, '0') not in ('0', ''))
        self.tls = ssl.create_default_context(cafile=options.get('ca_file')) if self.secure else None
        self.active = 0
        self.connections = {}

    def identity(self):
        if self.token_file is None:
            return f'user.name={urllib.parse.quote(self.user)}'
        try:
            with open(self.token_file, encoding='utf-8') as f:
                return f'delegation={urllib.parse.quote(f.read().strip())}'
        except OSError as e:
            raise Again(f'webhdfs.token_file: {e.strerror}') from e

    def connect(self, secure, node):
        if secure:
            return http.client.HTTPSConnection(node, timeout=self.timeout, context=self.tls)
        return http.client.HTTPConnection(node, timeout=self.timeout)

    def ask(self, node, method, url):
        """(status, headers, body) of a name node, over a connection that is kept."""
        for fresh in (False, True):
            c = None if fresh else self.connections.get(node)
            reused = c is not None
            if c is None:
                c = self.connections[node] = self.connect(self.secure, node)
            try:
                if c.sock is None:
                    c.connect()
            except OSError as e:
                raise _Unreached(f'{node}: {e}') from e
            try:
                c.request(method, url)
                r = c.getresponse()
                return r.status, r.headers, r.read()
            except (OSError, http.client.HTTPException) as e:
                c.close()
                self.connections.pop(node, None)
                # a kept connection that was closed meanwhile answers nothing; what changes things is looked at by the caller
                if not (reused and method == 'GET'):
                    raise _Lost(f'{node}: {type(e).__name__} {e}') from e
        raise _Lost(f'{node}: no answer')

    def follow(self, method, location, body=None, size=None):
        """One call to a data node, which closes the connection after it."""
        parts = urllib.parse.urlsplit(location)
        if self.secure and parts.scheme != 'https':
            raise Broken(f'a redirect from TLS to a data node without it ({parts.netloc}) is refused')
        c = self.connect(parts.scheme == 'https', parts.netloc)
        try:
            try:
                c.connect()
            except OSError as e:
                raise _Unreached(f'{parts.netloc}: {e}') from e
            try:
                headers = {} if body is None else {'Content-Type': 'application/octet-stream', 'Content-Length': str(size)}
                try:
                    c.request(method, f'{parts.path}?{parts.query}', body=body, headers=headers)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # it may have said why before it closed
                r = c.getresponse()
                raw = r.read()
            except (OSError, http.client.HTTPException) as e:
                raise _Lost(f'{parts.netloc}: {type(e).__name__} {e}') from e
            if r.status >= 300:
                raise _Answer(r.status, raw)
            return raw
        finally:
            c.close()


def _who():
    import getpass
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return 'sluice'


class _Patience:
    """Waits between tries, doubling, until it is used up."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds
        self.wait = WAIT_LEAST

    def again(self):
        """False: enough."""
        if time.monotonic() + self.wait > self.end:
            return False
        time.sleep(self.wait * (0.5 + secrets.randbelow(1000) / 1000))
        self.wait = min(self.wait * 2, WAIT_MOST)
        return True


class _HdfsSink(Sink):
    def __init__(self, lake, path):
        super().__init__(path)
        self._lake = lake
        self._spool = tempfile.SpooledTemporaryFile(max_size=SMALL, prefix='sluice-')

    def _write(self, data):
        try:
            self._spool.write(data)
        except OSError as e:
            raise Again(f'{self.path}: {e.strerror}') from e

    def _finish(self):
        try:
            return self._lake.upload(self.path, self._spool, self.size)
        finally:
            self._spool.close()

    def abandon(self):
        self._spool.close()
        if self.closed:
            self._lake.remove(self.path)


class WebHdfsLake(Lake):
    def __init__(self, place):
        self.root = place['root'].rstrip('/')
        self.web = _Web(place)
        self._folders = set()

    # Calls.

    def _url(self, path, op, parameters):
        return f'/webhdfs/v1{urllib.parse.quote(f"{self.root}/{path}".rstrip("/") or "/")}?op={op}{parameters}&{self.web.identity()}'

    def _call(self, method, path, op, parameters='', patience=PATIENCE):
        """(status, headers, body) of a name node. Again: none answers, or a call that changes things lost its answer. _Answer: HDFS says no."""
        web, wait, why = self.web, _Patience(patience), ''
        while True:
            node = web.nodes[web.active % len(web.nodes)]
            try:
                status, headers, raw = web.ask(node, method, self._url(path, op, parameters))
                if status < 400:
                    return status, headers, raw
                answer = _Answer(status, raw)
                if answer.name in LASTING:
                    raise Broken(f'{path}: {answer}')
                if answer.name not in ELSEWHERE | LATER:
                    raise answer
                why = str(answer)
                if answer.name in ELSEWHERE:
                    web.active += 1
            except _Unreached as e:
                why = str(e)
                web.active += 1
            except _Lost as e:
                why = str(e)
                web.active += 1
                if method != 'GET':
                    raise Again(f'{path}: {op}: {why}') from e
            if not wait.again():
                raise Again(f'{path}: {op}: {why}')

    def _repeat(self, path, what, patience=PATIENCE):
        """Try what until it works; None when HDFS says that the file is not there."""
        wait, number = _Patience(patience), 0
        while True:
            try:
                return what(number)
            except _Answer as e:
                if e.name in ABSENT:
                    return None
                if e.name in LASTING:
                    raise Broken(f'{path}: {e}') from e
                why = str(e)
            except (_Lost, _Unreached) as e:
                why = str(e)
            number += 1
            if not wait.again():
                raise Again(f'{path}: {why}')

    # Reading.

    def get_range(self, path, offset, size):
        there = self.size(path)
        if there is None:
            return None
        if offset >= there:
            return b''

        def read(_):
            length = min(size, there - offset)
            status, headers, raw = self._call('GET', path, 'OPEN', f'&offset={offset}&length={length}')
            if status in (301, 302, 303, 307):
                raw = self.web.follow('GET', headers['Location'])
            if len(raw) != length:
                raise _Lost(f'{len(raw)} bytes of {length}')
            return raw
        return self._repeat(path, read)

    def get(self, path, most):
        there = self.size(path)
        if there is not None and there > most:
            raise Broken(f'{path}: larger than {most} bytes')
        return None if there is None else self.get_range(path, 0, there)

    def _status(self, path):
        try:
            return json.loads(self._call('GET', path, 'GETFILESTATUS')[2])['FileStatus']
        except _Answer as e:
            if e.name in ABSENT:
                return None
            raise Again(f'{path}: {e}') from e

    def size(self, path):
        status = self._status(path)
        return None if status is None else status['length']

    def list(self, folder, after=None):
        names, start = [], ''
        try:
            while True:
                parameters = f'&startAfter={urllib.parse.quote(start, safe="")}' if start else ''
                listing = json.loads(self._call('GET', folder, 'LISTSTATUS_BATCH', parameters)[2])['DirectoryListing']
                found = [e['pathSuffix'] for e in listing['partialListing']['FileStatuses']['FileStatus']]
                names += found
                if listing['remainingEntries'] <= 0 or not found:
                    break
                start = found[-1]
        except _Answer as e:
            if e.name in ABSENT:
                return []
            raise Again(f'{folder}: {e}') from e
        names.sort(key=lambda n: n.encode())
        return [n for n in names if after is None or n > after]

    # Writing.

    def create(self, path):
        return _HdfsSink(self, path)

    def upload(self, path, body, size):
        """Send a file under a name that is ours alone, so it may be replaced by a second try. Its length where it lies comes back."""
        def send(number):
            status, headers, raw = self._call('PUT', path, 'CREATE', f'&overwrite={"true" if number else "false"}{self.web.create}')
            location = headers['Location'] if status in (301, 302, 303, 307) else json.loads(raw)['Location']
            body.seek(0)
            self.web.follow('PUT', location, body=body, size=size)
            there = self.size(path)
            if there != size:
                raise _Lost(f'{there} bytes lie there, {size} were sent')
            return there
        there = self._repeat(path, send, UPLOAD_PATIENCE)
        if there is None:
            raise Again(f'{path}: can\'t be created')
        return there

    def _ensure(self, path):
        folder = os.path.dirname(path)
        if folder and folder not in self._folders:
            try:
                self._call('PUT', folder, 'MKDIRS')
            except _Answer as e:
                raise Again(f'{folder}: {e}') from e
            self._folders.add(folder)

    def put_if_absent(self, path, raw):
        temporary = f'_sluice/tmp/{secrets.token_hex(16)}'
        sink = self.create(temporary)
        sink.write(raw)
        sink.finish()
        outcome = self.rename(temporary, path)
        if outcome != 'moved':
            self.remove(temporary)
        if outcome == 'absent':
            raise Again(f'{path}: what was to be stored went away')
        return outcome == 'moved'

    def rename(self, source, target):
        self._ensure(target)
        parameters = f'&destination={urllib.parse.quote(f"{self.root}/{target}", safe="")}&renameoptions=NONE'
        for _ in range(2):
            try:
                self._call('PUT', source, 'RENAME', parameters)
                return 'moved'
            except Again:
                # the answer is lost: only what is there says whether it is done
                if self._status(source) is None and self._status(target) is not None:
                    return 'moved'
                raise
            except _Answer as e:
                if e.name in TAKEN:
                    return 'taken'
                if e.name not in ABSENT:
                    raise Again(f'{target}: {e}') from e
                if self._status(source) is None:
                    return 'absent' if self._status(target) is None else 'taken'
                # a folder that somebody removed
                self._folders.discard(os.path.dirname(target))
                self._ensure(target)
        raise Again(f'{target}: its folder comes and goes')

    def remove(self, path):
        try:
            self._call('DELETE', path, 'DELETE', '&recursive=false')
        except _Answer as e:
            if e.name not in ABSENT | {'PathIsNotEmptyDirectoryException'}:
                raise Again(f'{path}: {e}') from e
