"""A name node and its data nodes as they are on a bad day: forwards WebHDFS to a real one, and breaks what its rules say.

A rule is a dictionary: op (CREATE, OPEN, RENAME …, '*' any), at ('name' or 'data': which node is asked, '*' either), times (1), and one of
    exception  answer 403 with this RemoteException (status, message may be given)
    status     answer this with a body that is no JSON
    before     hang up without forwarding
    after      forward, then hang up instead of answering
    cut        forward so many bytes of the body, then reset both sides
    lie        forward so many bytes of an upload as if they were all, and answer as if it had gone well
    late       hang up instead of answering, and forward an upload only so many seconds after that (with lie: a part of it)
    silent     take the request and say nothing, until the client leaves
    delay      seconds to wait before forwarding
    call       (bytes, function): forward so many bytes of an upload, call the function, go on
"""
import http.client
import http.server
import json
import socket
import struct
import threading
import urllib.parse

PIECE = 64 << 10


class Faulty:
    def __init__(self, name_node):
        """name_node: http://HOST:PORT"""
        self.name_node = name_node.split('://')[1]
        self.rules, self.seen, self.lock = [], [], threading.Lock()
        self.late = []  # answers that nobody waited for
        self.peer = None  # host:port of the data node that got the newest upload
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), type('Handler', (Handler,), {'faulty': self}))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def set(self, *rules):
        with self.lock:
            self.rules = [{'times': 1, 'at': 'name', **r} for r in rules]
            self.seen = []

    def left(self):
        """Faults that did not happen."""
        with self.lock:
            return [r for r in self.rules if r['times'] > 0]

    def match(self, op, at):
        with self.lock:
            self.seen.append((op, at))
            for r in self.rules:
                if r['op'] in (op, '*') and r['at'] in (at, '*') and r['times'] > 0:
                    r['times'] -= 1
                    return r
        return {}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    faulty = None

    def log_message(self, *_):
        pass

    def pieces(self):
        """The body as it comes."""
        if self.headers.get('Transfer-Encoding') == 'chunked':
            while True:
                size = int(self.rfile.readline().split(b';')[0], 16)
                piece = self.rfile.read(size + 2)[:size]
                if size == 0:
                    return
                yield piece
        left = int(self.headers.get('Content-Length') or 0)
        while left > 0:
            piece = self.rfile.read(min(PIECE, left))
            if not piece:
                raise OSError('the client left')
            left -= len(piece)
            yield piece

    def hang_up(self, reset=True):
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.close_connection = True
        self.connection.close()

    def answer(self, status, body, headers=()):
        self.send_response_only(status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_one(self):
        at, peer, path = 'name', self.faulty.name_node, self.path
        if path.startswith('/data/'):
            at, (peer, path) = 'data', (path.split('/')[2], '/' + path.split('/', 3)[3])
        op = urllib.parse.parse_qs(path.partition('?')[2])['op'][0]
        rule = self.faulty.match(op, at)
        body = b''.join(self.pieces()) if at == 'name' else None
        if 'exception' in rule:
            if body is None:
                for _ in self.pieces():
                    pass
            error = {'exception': rule['exception'], 'javaClassName': 'java.lang.' + rule['exception'], 'message': rule.get('message', 'by rule\n\tat java.lang')}
            self.answer(rule.get('status', 403), json.dumps({'RemoteException': error}).encode(), [('Content-Type', 'application/json')])
        elif 'status' in rule:
            self.answer(rule['status'], b'<html>by rule</html>')
        elif 'before' in rule:
            self.hang_up()
        elif 'late' in rule:
            body = b''.join(self.pieces())[:rule.get('lie')]
            self.hang_up()
            threading.Thread(target=self.forward_late, args=(peer, path, body, rule), daemon=True).start()
        elif 'silent' in rule:
            self.connection.settimeout(60)
            self.rfile.read(1)
            self.hang_up()
        else:
            threading.Event().wait(rule.get('delay', 0))
            self.forward(at, peer, path, body, rule)

    def forward_late(self, peer, path, body, rule):
        threading.Event().wait(rule['late'])
        c = http.client.HTTPConnection(peer, timeout=60)
        c.request(self.command, path, body, {'Content-Type': 'application/octet-stream'})
        with self.faulty.lock:
            self.faulty.late.append(c.getresponse().status)
        c.close()

    def forward(self, at, peer, path, body, rule):
        c = http.client.HTTPConnection(peer, timeout=60)
        c.putrequest(self.command, path, skip_accept_encoding=True)
        c.putheader('Content-Type', 'application/octet-stream')
        most = rule.get('cut', rule.get('lie', 1 << 62))
        if at == 'name' or self.command != 'PUT':
            c.endheaders()
        else:
            self.faulty.peer = peer
            if not self.upload(c, most, 'cut' in rule, *rule.get('call', ())):
                return
        r = c.getresponse()
        if 'after' in rule:
            r.read()
            self.hang_up()
            return
        if self.command == 'GET' and at == 'data' and r.status == 200:
            self.download(r, most)
            c.close()
            return
        headers = [(k, v) for k, v in r.getheaders() if k.lower() in ('content-type', 'location')]
        headers = [(k, f'http://127.0.0.1:{self.faulty.port}/data/{v.split("://", 1)[1]}' if k.lower() == 'location' and r.status == 307 else v) for k, v in headers]
        self.answer(r.status, r.read(), headers)
        c.close()

    def upload(self, c, most, cut, at=1 << 62, call=None):
        """False: it ended here."""
        c.putheader('Transfer-Encoding', 'chunked')
        c.endheaders()
        sent = 0
        for piece in self.pieces():
            part = piece[:max(0, most - sent)]
            if part:
                c.send(b'%x\r\n%s\r\n' % (len(part), part))
            sent += len(part)
            if call and sent >= at:
                call()
                call = None
            if cut and sent >= most:
                c.close()
                self.hang_up()
                return False
        c.send(b'0\r\n\r\n')
        return True

    def download(self, r, most):
        self.send_response_only(200)
        length = r.getheader('Content-Length')
        if length is not None:
            self.send_header('Content-Length', length)
        else:
            self.send_header('Connection', 'close')
            self.close_connection = True
        self.end_headers()
        sent = 0
        while piece := r.read(PIECE):
            part = piece[:max(0, most - sent)]
            self.wfile.write(part)
            sent += len(part)
            if sent >= most:
                self.hang_up()
                return

    def guarded(self):
        try:
            self.handle_one()
        except (OSError, http.client.HTTPException, ValueError):
            self.close_connection = True

    do_GET = do_PUT = do_DELETE = guarded  # noqa: N815
