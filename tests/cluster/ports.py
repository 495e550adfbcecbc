"""Free ports of the loopback address."""
import fcntl
import os
import random
import socket

# Below the range from which the kernel takes ports of outgoing connections: a server that was killed finds its own port free again.
FIRST, LAST = 15000, 31999

_held = []  # open lock files: a port that was given out is this process's until it ends


def _hold(port):
    """Reserve a port among all who ask here, also while its server is down."""
    folder = f'/tmp/sluice-ports-{os.getuid()}'  # one place for all, whatever TMPDIR says
    os.makedirs(folder, mode=0o700, exist_ok=True)
    lock = open(os.path.join(folder, str(port)), 'w', encoding='ascii')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    _held.append(lock)
    return True


def free(count):
    """That many ports on which nobody listens now, all different, and given to nobody else while this process lives."""
    found = []
    for port in random.SystemRandom().sample(range(FIRST, LAST + 1), LAST + 1 - FIRST):
        with socket.socket() as s:
            try:
                s.bind(('127.0.0.1', port))
            except OSError:
                continue
        if _hold(port):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f'no {count} free ports from {FIRST} to {LAST}')
