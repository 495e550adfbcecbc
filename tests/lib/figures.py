"""The figures page of a state folder (doc/figures.md), as it is mapped by the processes."""
import mmap
import os
import struct

HEADER, NAME = 64, 32


class Figures:
    def __init__(self, state):
        with open(os.path.join(state, 'figures'), 'rb') as f:
            self.page = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
        self.slots, self.values = struct.unpack_from('<II', self.page, 8)
        self.slot_bytes = NAME + 3 * 8 + 8 * self.values
        self.at = {}

    def close(self):
        self.page.close()

    def find(self, name):
        if name not in self.at:
            for at in range(HEADER, HEADER + self.slots * self.slot_bytes, self.slot_bytes):
                if self.page[at:at + NAME].split(b'\0')[0].decode() == name:
                    self.at[name] = at
        return self.at.get(name)

    def life(self, name):
        """(process, since when it accepts in ns of the monotonic clock or 0), (0, 0) when there never was one."""
        at = self.find(name)
        if at is None:
            return 0, 0
        pid, _, since = struct.unpack_from('<qqq', self.page, at + NAME)
        return pid, since

    def value(self, name, number):
        at = self.find(name)
        return struct.unpack_from('<Q', self.page, at + NAME + 24 + 8 * number)[0] if at is not None else 0
