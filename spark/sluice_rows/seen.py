"""The identities that a partition's commits hold, so that an event that comes twice is found. The lake is the memory; this is read from it at every start.

Identities are kept by the period, of the horizon's length, in which they were committed; the running one and the one before it count. So an
identity is remembered for one to two horizons, as in the native worker.
"""


class Seen:
    def __init__(self, horizon_ms):
        self.horizon_ms = horizon_ms
        self.clear()

    def clear(self):
        self.periods = {}
        self.start = self.end = 0
        self.epoch = None  # of the last commit that is in it

    @staticmethod
    def _pack(key):
        original, again = key
        raw = bytes.fromhex(original)
        return raw if again == 0 else raw + again.to_bytes(4, 'big')

    def has(self, key):
        packed = self._pack(key)
        return any(packed in period for period in self.periods.values())

    def add(self, keys, committed_ms, now_ms, start, end, epoch):
        """A commit's identities, and the position after it."""
        oldest = now_ms // self.horizon_ms - 1
        for period in [p for p in self.periods if p < oldest]:
            del self.periods[period]
        period = committed_ms // self.horizon_ms
        if keys and period >= oldest:
            self.periods.setdefault(period, set()).update(map(self._pack, keys))
        self.start, self.end, self.epoch = start, end, epoch

    def __len__(self):
        return sum(map(len, self.periods.values()))
