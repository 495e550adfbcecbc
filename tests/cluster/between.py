"""A TCP proxy between sluice and a server, which behaves as networks and servers do on a bad day.

    b = Between(host, port)      b.port is where to connect
    b.be('pass')                 as if it were not there
    b.be('reset')                every connection ends by RST, those there are and those to come
    b.be('stall')                connections are taken, and nothing passes either way: a black hole. What was sent in time passes when it ends
    b.be('cut', n)               of each connection to come n bytes of answers pass, then it ends by RST; those there are end now
    b.at(b'text', function)      once, when a request with these bytes has passed: call the function, which ends the server; an answer that was faster does not pass
"""
import contextlib
import select
import socket
import struct
import threading

PIECE = 64 << 10
TURN_S = 0.1


class Between:
    def __init__(self, host, port, listen=0):
        """listen: the port to take, 0 any"""
        self.target, self.how, self.most = (host, port), 'pass', 0
        self.marker, self.function = None, None
        self.taken = 0  # connections so far
        self.lock, self.pairs, self.ended = threading.Lock(), set(), False
        self.listener = socket.create_server(('127.0.0.1', listen), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def be(self, how, most=0):
        assert how in ('pass', 'reset', 'stall', 'cut'), how
        with self.lock:
            self.how, self.most = how, most
            pairs = list(self.pairs) if how in ('reset', 'cut') else []
        for pair in pairs:
            pair.reset()

    def at(self, marker, function):
        with self.lock:
            self.marker, self.function = marker, function

    def called(self):
        """Whether what at() waits for has come."""
        with self.lock:
            return self.marker is None

    def awaits(self, data):
        with self.lock:
            return self.marker is not None and self.marker in data

    def seen(self, data):
        """A request has passed."""
        with self.lock:
            if self.marker is None or self.marker not in data:
                return
            self.marker, function = None, self.function
        function()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.taken += 1
            threading.Thread(target=Pair(self, client).run, daemon=True).start()

    def close(self):
        self.ended = True
        # a thread in accept keeps the port until it wakes up
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            pairs = list(self.pairs)
        for pair in pairs:
            pair.reset()


class Pair:
    """One connection: the client's and ours to the server."""

    def __init__(self, between, client):
        self.between, self.client, self.server, self.left = between, client, None, None
        self.dead, self.mute = threading.Event(), False
        with between.lock:
            between.pairs.add(self)
            if between.how == 'cut':
                self.left = between.most

    def reset(self):
        self.dead.set()
        for s in (self.client, self.server):
            if s is None:
                continue
            with contextlib.suppress(OSError):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                s.shutdown(socket.SHUT_RD)  # wakes whoever reads

    def held(self):
        """Waits while nothing may pass. True: this connection is at its end."""
        while self.between.how == 'stall' and not self.between.ended:
            if self.dead.wait(TURN_S):
                return True
        return self.dead.is_set() or self.between.ended or self.between.how == 'reset'

    def run(self):
        try:
            if self.held():
                return
            self.server = socket.create_connection(self.between.target, 10)
            back = threading.Thread(target=self.pump, args=(self.server, self.client, True), daemon=True)
            back.start()
            self.pump(self.client, self.server, False)
            back.join()
        except OSError:
            pass
        finally:
            # RST in both directions when it was reset: SO_LINGER says so
            if self.between.how == 'reset':
                self.reset()
            self.client.close()
            if self.server is not None:
                self.server.close()
            with self.between.lock:
                self.between.pairs.discard(self)

    def pump(self, source, target, answers):
        try:
            while not self.dead.is_set():
                if not select.select([source], [], [], TURN_S)[0]:
                    continue
                data = source.recv(PIECE)
                if self.held() or not data:
                    break
                if answers and self.left is not None:
                    data = data[:self.left]
                    self.left -= len(data)
                if answers and self.mute:
                    continue
                self.mute = self.mute or (not answers and self.between.awaits(data))
                target.sendall(data)
                if answers and self.left == 0:
                    self.reset()
                    return
                if not answers:
                    self.between.seen(data)
            if not self.dead.is_set():
                target.shutdown(socket.SHUT_WR)
        except (OSError, ValueError):
            self.dead.set()
