"""The operating system made to fail under sluice, by tests/fault/os_faults.c.

    switch = Switch(place); t.env = switch.env('errno=EIO calls=read path=/in/'); t.start('run'); switch.set(LEFT, 1)
"""
import mmap
import os
import struct

LIBRARY = os.path.join(os.environ.get('SLUICE_SOURCE', '.'), 'build', 'tests', 'libos_faults.so')
LEFT, HAPPENED, CLOCK = range(3)
MANY = 10**9


class Switch:
    """What the library and we share: faults to come, faults so far, seconds that the wall clock is wrong by."""

    def __init__(self, place, left=0, clock=0):
        self.path = os.path.join(place, 'switch')
        with open(self.path, 'wb') as f:
            f.write(struct.pack('<qqq', left, 0, clock))
        with open(self.path, 'r+b') as f:
            self.map = mmap.mmap(f.fileno(), 24)

    def env(self, spec):
        """What a process finds so that it fails."""
        return {'LD_PRELOAD': LIBRARY, 'SLUICE_OS': spec, 'SLUICE_OS_SWITCH': self.path}

    def set(self, number, value):
        self.map[8 * number:8 * number + 8] = struct.pack('<q', value)

    def happened(self):
        return struct.unpack_from('<q', self.map, 8 * HAPPENED)[0]
