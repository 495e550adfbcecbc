"""Which events of a partition make the next commits: the rule of parts, without a service. doc/commit.md, "Parts".

A commit never ends between the parts of an original, and an original's rows come from the newest whole set of its parts. What is behind an
original whose parts are not all there waits for it.
"""
from .events import PARTS_MAX


class Original:
    """An original whose parts are all there. events: in order of parts."""
    __slots__ = ('events', 'first', 'last')

    def __init__(self, events):
        self.events = events
        self.first = min(e.offset for e in events)
        self.last = max(e.offset for e in events)

    @property
    def key(self):
        return self.events[0].key


class Commit:
    """A range of events, [start, end), and the originals whose rows it stores, in the order in which they became whole."""
    __slots__ = ('start', 'end', 'originals', 'events', 'duplicates')

    def __init__(self, start, end):
        self.start, self.end = start, end
        self.originals, self.events, self.duplicates = [], 0, 0


class Blocked(Exception):
    """The event at an offset can't be honoured."""

    def __init__(self, offset, reason):
        super().__init__(reason)
        self.offset, self.reason = offset, reason


class _Set:
    """Parts of an original that have come."""

    def __init__(self, event):
        self.cut = (event.parts, event.schema, event.dissector)
        self.events = {}

    def add(self, event):
        self.events[event.part] = event
        return len(self.events) == event.parts

    @property
    def first(self):
        return min(e.offset for e in self.events.values())


class _Walk:
    """One pass over a partition's events."""

    def __init__(self, events, committed, check):
        self.open, self.whole, self.duplicates = {}, [], []
        self.blocked = None
        done = set()
        for e in events:
            if e.original is None:
                continue
            if e.key in done or committed(e.key):
                self.duplicates.append(e.offset)
                continue
            if self._take(e, check):
                done.add(e.key)
            if self.blocked is not None:
                return

    def _take(self, e, check):
        """True: with this event its original is whole."""
        reason = check(e)
        if reason is None and e.parts > PARTS_MAX:
            reason = f'part {e.part} of {e.parts}'
        held = self.open.get(e.key)
        if reason is not None:
            # of a set, the first part is where the commit before it has to end
            self.blocked = Blocked(min(e.offset, held.first) if held is not None else e.offset, f'event {e.offset}: {reason}')
            return False
        # rows cut by another dissector or for another schema may be cut elsewhere: such parts never mix
        if held is None or held.cut != (e.parts, e.schema, e.dissector):
            held = self.open[e.key] = _Set(e)
        if not held.add(e):
            return False
        del self.open[e.key]
        self.whole.append(Original([held.events[i] for i in range(e.parts)]))
        return True

    def bound(self, following):
        """No commit passes that: an original is not whole there, or can't be honoured."""
        bounds = [following] + [s.first for s in self.open.values()]
        if self.blocked is not None:
            bounds.append(self.blocked.offset)
        return min(bounds)

    def settle(self, end):
        """The last offset up to end that lies between no original's parts."""
        moved = True
        while moved:
            moved = False
            for o in self.whole:
                if o.first < end <= o.last:
                    end, moved = o.first, True
        return end

    def beyond(self, end, bound):
        """The first offset from end on that lies between no original's parts, bound at most."""
        moved = True
        while moved:
            moved = False
            for o in self.whole:
                if o.first < end <= o.last:
                    end, moved = o.last + 1, True
        return min(end, bound)


class Plan:
    """What can be committed of the events from start on; `following` is where the topic was read to.

    commits    ranges that chain, oldest first
    blocked    the Blocked that stops the partition once they are committed, or None
    waiting    offset of the first original whose parts are not all there, or None
    """

    def __init__(self, events, start, following, committed, check, most, limit=None):
        walk = _Walk(events, committed, check)
        bound = walk.bound(following)
        self.waiting = min((s.first for s in walk.open.values()), default=None)
        self.blocked = walk.blocked
        if limit is not None and limit.offset <= bound:
            bound, self.blocked = limit.offset, limit
        bound = walk.settle(max(bound, start))
        self.commits = []
        at = 0
        while start < bound:
            while at < len(events) and events[at].offset < start:
                at += 1
            end = bound
            if at + most < len(events) and events[at + most].offset < bound:
                wanted = events[at + most].offset
                end = walk.settle(wanted)
                if end <= start:
                    end = walk.beyond(wanted, bound)
            self.commits.append(Commit(start, end))
            start = end
        self._fill(events, walk)

    def _fill(self, events, walk):
        for c in self.commits:
            c.events = sum(c.start <= e.offset < c.end for e in events)
            c.duplicates = sum(c.start <= o < c.end for o in walk.duplicates)
            c.originals = [o for o in walk.whole if c.start <= o.first and o.last < c.end]
