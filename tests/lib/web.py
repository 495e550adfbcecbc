"""The ops endpoint from outside: requests to it, and the Python that has a browser's driver and Prometheus' parser."""
import http.client
import json
import os
import re
import subprocess
import sys

from spool import wait_for

ROOT = os.environ.get('SLUICE_SOURCE') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def python():
    """The Python of tools/venv.sh web; made when it is missing."""
    return subprocess.run([f'{ROOT}/tools/venv.sh', 'web'], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def under_web():
    """Go on under that Python, when this is another one."""
    wanted = python()
    if os.path.realpath(os.path.dirname(sys.executable)) != os.path.realpath(os.path.dirname(wanted)):
        os.execv(wanted, [wanted, *sys.argv])


class Endpoint:
    """Where a started sluice serves, as its log says: the port is any free one."""

    def __init__(self, s, seconds=30):
        self.s = s
        wait_for(lambda: self.find() is not None, seconds)
        self.port = self.find()

    def find(self):
        found = re.findall(r'listening at http://127\.0\.0\.1:(\d+)/', self.s.log())
        return int(found[-1]) if found else None

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}/'

    def ask(self, path, method='GET', timeout=20, **headers):
        """(status, headers, bytes); headers: Host=…, Authorization=…"""
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=timeout)
        try:
            c.request(method, path, headers={k.replace('_', '-'): v for k, v in headers.items()})
            r = c.getresponse()
            return r.status, r.headers, r.read()
        finally:
            c.close()

    def text(self, path, **kw):
        return self.ask(path, **kw)[2].decode()

    def json(self, path, **kw):
        return json.loads(self.text(path, **kw))

    def status(self, path, **kw):
        return self.ask(path, **kw)[0]
