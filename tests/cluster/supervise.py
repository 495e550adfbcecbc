"""The process that owns a cluster's servers: starts them, obeys orders over a socket, and stops them all when it ends, however it ends.

    python3 -m cluster.supervise RUN [--stdin] PART...

RUN      its folder: state.json (addresses, written when all servers are well), socket, log/; removed at the end, but see "keep"
--stdin  ends when its standard input does: with the process that started it

Orders are lines of JSON, {"do": ..., "server": ...}, and so are the answers: start, stop, kill, pids, keep (leave log/ in place at the end).
When a connection ends, the servers that it stopped or killed are started again: a test that dies halfway leaves the cluster whole. If this
process is killed, the kernel kills its servers.
"""
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import time
import traceback

from . import ports
from .parts import PARTS, probe

READY_S = 120


class Failed(Exception):
    pass


class Supervisor:
    def __init__(self, run, parts):
        self.run, self.servers, self.addresses, self.keep, self.ending = run, {}, {}, False, False
        self.down = {}  # name of a server: the connection that took it down
        for part in sorted(parts, key=list(PARTS).index):
            count, make, _ = PARTS[part]
            made, self.addresses[part] = make(run, ports.free(count), self.addresses)
            self.servers |= {server.name: server for server in made}

    def start(self):
        """All at once, but what others need to be prepared runs by then; returns when every one is well."""
        for server in self.servers.values():
            if not server.prepare:
                server.start()
        first = [(s, s.spawn(s.prepare)) for s in self.servers.values() if s.prepare]
        for server, process in first:
            if process.wait(READY_S) != 0:
                raise Failed(f'{server.name} cannot be prepared: see {server.log}')
        for server in self.servers.values():
            server.start()
        waiting, end, last = set(self.servers), time.monotonic() + READY_S, {}
        while waiting:
            for name in sorted(waiting):
                if self.ending:
                    raise Failed('told to end')
                if not self.servers[name].alive():
                    raise Failed(f'{name} ended: see {self.servers[name].log}')
                part, ready = probe(name)
                try:
                    ready(self.addresses[part])
                    waiting.discard(name)
                except Exception as e:  # pylint: disable=broad-except  # whatever a server says while it comes up, it is not up
                    last[name] = e
            if time.monotonic() > end:
                raise Failed(f'not well after {READY_S} s: ' + ', '.join(f'{name} ({last[name]!r})' for name in sorted(waiting)))
            time.sleep(0.1)

    def state(self):
        return {'run': self.run, 'pid': os.getpid(), 'addresses': self.addresses, 'servers': list(self.servers)}

    def order(self, line, connection):
        request = json.loads(line)
        word, name = request['do'], request.get('server')
        if word == 'pids':
            return {n: s.pid() for n, s in self.servers.items()}
        if word == 'keep':
            self.keep = True
            return {}
        server = self.servers[name]
        if word == 'start':
            self.down.pop(name, None)
            return {'pid': server.start()}
        if word in ('stop', 'kill'):
            self.down[name] = connection
            return {'orderly': server.stop() if word == 'stop' else server.kill()}
        raise ValueError(word)

    def gone(self, connection):
        for name in [n for n, c in self.down.items() if c is connection]:
            del self.down[name]
            self.servers[name].start()

    def serve(self, listener, watch_stdin):
        """Until told to end, by a signal or by the end of standard input."""
        with selectors.DefaultSelector() as events:
            events.register(listener, selectors.EVENT_READ, 'listen')
            if watch_stdin:
                events.register(sys.stdin.fileno(), selectors.EVENT_READ, 'stdin')
            while not self.ending:
                for key, _ in events.select(0.2):
                    if key.data == 'stdin':
                        self.ending = os.read(sys.stdin.fileno(), 4096) == b''
                    elif key.data == 'listen':
                        connection = listener.accept()[0]
                        events.register(connection, selectors.EVENT_READ, connection.makefile('rwb', buffering=0))
                    else:
                        line = key.data.readline()
                        if not line:
                            events.unregister(key.fileobj)
                            self.gone(key.fileobj)
                            key.fileobj.close()
                            continue
                        try:
                            answer = self.order(line, key.fileobj)
                        except (KeyError, ValueError) as e:
                            answer = {'error': repr(e)}
                        try:
                            key.data.write(json.dumps(answer).encode() + b'\n')
                        except OSError:
                            pass

    def stop(self):
        for server in self.servers.values():
            server.terminate()
        for server in self.servers.values():
            server.stop()
        for entry in os.scandir(self.run):
            if not (self.keep and entry.name == 'log'):
                shutil.rmtree(entry.path) if entry.is_dir() else os.unlink(entry.path)
        if not self.keep:
            os.rmdir(self.run)


def main():
    run, words = sys.argv[1], sys.argv[2:]
    supervisor = None

    def end(*_):
        if supervisor is None:
            sys.exit(1)
        supervisor.ending = True
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    supervisor = Supervisor(run, [w for w in words if not w.startswith('--')])
    try:
        supervisor.start()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f'{run}/socket')
            listener.listen()
            with open(f'{run}/state.part', 'w', encoding='utf-8') as f:
                json.dump(supervisor.state(), f, indent=1)
            os.rename(f'{run}/state.part', f'{run}/state.json')
            supervisor.serve(listener, '--stdin' in words)
    except Exception as e:  # pylint: disable=broad-except  # said, with the logs left in place
        supervisor.keep = True
        print(f'cluster: {e}' if isinstance(e, Failed) else traceback.format_exc(), file=sys.stderr, flush=True)
        return 1
    finally:
        supervisor.stop()
    return 0


if __name__ == '__main__':
    sys.exit(main())
