"""A partition's chain of commits in the lake: where it goes on, what it holds, and how a further link is put. doc/commit.md has the reasons; the order
of effects is that of src/pipe/commit.c, so that either kind of worker can take over from the other at any moment.
"""
import hashlib
import re
import secrets
import time

from . import compaction, log, manifest
from .errors import Again, Broken, Taken
from .seen import Seen

LABEL_TOPIC, LABEL_CUT = 120, 96
LOOK_AHEAD = 64
KEEP, LEAST, MOST, BYTES = 16, 64, 256, 2 << 20  # of a fold: src/pipe/history.h
CLEAN_AGE_MS = 3600 * 1000
ROUNDS = 8
STAGING = '_sluice/staging'


def now_ms():
    return time.time_ns() // 1_000_000


def label(topic, partition):
    """<topic>-<partition>, short enough for a file name."""
    if len(topic.encode()) <= LABEL_TOPIC:
        return f'{topic}-{partition}'
    digest = hashlib.sha256(f'{topic}/{partition}'.encode()).hexdigest()[:16]
    return f'{topic[:LABEL_CUT]}-{digest}-{partition}'


class Chain:
    """One partition. epoch and staging are new in every life of the writer."""

    def __init__(self, lake, topic, partition, horizon_ms, writer):
        self.lake, self.topic, self.partition, self.writer = lake, topic, partition, writer
        self.label = label(topic, partition)
        self.seen = Seen(horizon_ms)
        self.renew()

    def renew(self):
        self.epoch = secrets.token_hex(16)
        self.staging = f'{STAGING}/{self.label}-{self.epoch}'

    # Recovering.

    def recover(self):
        """Where the partition goes on: rolls the newest manifest forward again and reads what is committed. None: nothing ever was. Also the newest
        manifest's files, whose partitions may not be registered yet."""
        self.renew()
        known = manifest.starts(self.lake, manifest.commits(self.topic, self.partition))
        if not known:
            # somebody removed the manifests by hand: history still knows how far they went
            end = manifest.history_end(self.lake, self.topic, self.partition)
            self.seen.clear()
            if end is not None:
                self._recall(end)
            return end, []
        newest = self._link(known[-1])
        if newest is None:
            self.fold()  # takes a leftover away
            raise Again(f'the manifest at {known[-1]} is not the newest any more')
        if (self.seen.end, self.seen.epoch) != (newest.end, newest.epoch):
            self._publish(newest.files)
            for f in newest.files:
                self._check_size(f)
            if self.seen.end > newest.end or not self._is_link():
                self.seen.clear()
            self._recall(newest.end)
        return newest.end, newest.files

    def _covered(self):
        return manifest.history_end(self.lake, self.topic, self.partition) or 0

    def _link(self, start, bound=None):
        """The manifest at start, None when there is none or when it is no link of the chain: a slot that was folded is free for a writer that slept.
        One that ends at bound, where another begins, holds what the chain holds, whoever wrote it. Of any other, history has to say that it does not
        reach there, and after the manifest was read."""
        m = manifest.load(self.lake, self.topic, self.partition, start)
        if m is None or m.end == bound:
            return m
        return m if self._covered() <= start else None

    def _is_link(self):
        """Does the chain still hold the commit that the identities end with?"""
        if self.seen.epoch is None:
            return False
        m = manifest.load(self.lake, self.topic, self.partition, self.seen.start)
        return m is not None and (m.end, m.epoch) == (self.seen.end, self.seen.epoch)

    def _recall(self, end):
        """Identities of all commits up to end and no further: what begins there may not be rolled forward yet."""
        hole = None
        for _ in range(ROUNDS):
            whole = self._recall_segments(end)
            if whole and self._recall_manifests(end, hole):
                return
            if whole:
                hole = self.seen.end
        raise Again(f'manifests of {self.label} are folded faster than they can be read')

    def _note(self, m, end):
        if m.end > end:
            return
        now = now_ms()
        keys = m.keys if m.time >= now - self.seen.horizon_ms else []
        self.seen.add(keys, m.time, now, m.start, m.end, m.epoch)

    def _recall_segments(self, end):
        folder = manifest.history(self.topic, self.partition)
        for start in manifest.starts(self.lake, folder):
            head = manifest.segment(self.lake, self.topic, self.partition, start)
            if head is None:
                return False
            if head.end <= self.seen.end:
                continue
            if head.time < now_ms() - self.seen.horizon_ms and head.end <= end:
                self.seen.add([], head.time, now_ms(), head.start, head.end, None)
                continue
            for m in manifest.in_segment(self.lake, self.topic, self.partition, start):
                if m.start >= self.seen.end:
                    self._note(m, end)
        return True

    def _recall_manifests(self, end, hole):
        """False: one was folded meanwhile, or the listing passed over one (it is no snapshot): look again, from the segments on. A hole that is still
        there then was made by hand and is stepped over."""
        known = manifest.starts(self.lake, manifest.commits(self.topic, self.partition), self.seen.end)
        for start, bound in zip(known, known[1:] + [None]):
            if self.seen.end >= end:
                break
            if start < self.seen.end:
                continue
            if start > self.seen.end and self.seen.end != hole:
                return False
            m = self._link(start, bound)
            if m is None:
                return False
            self._note(m, end)
        return self.seen.end >= end

    # Rolling forward.

    def _check_size(self, entry):
        there = self.lake.size(entry['file'])
        if there is None:
            # its rows may have gone on into a compacted file, which is whole; or it went for its age
            if compaction.took(self.lake, entry):
                return
            raise Broken(f'{entry["file"]} is neither staged nor in place: committed rows are missing')
        if there != entry['size']:
            raise Broken(f'{entry["file"]} has {there} bytes, its manifest says {entry["size"]}')

    def _publish(self, files):
        by_name = {f['file']: f for f in files}
        both, neither = self.lake.publish([(f['staged'], f['file']) for f in files])
        for final in neither:
            self._check_size(by_name[final])
        for staged, final in both:
            # fine if the final one holds the promised bytes
            self._check_size(by_name[final])
            if self.lake.crc32(final) != by_name[final]['crc32']:
                raise Broken(f'{final} holds other bytes than its manifest says')
            self.lake.remove(staged)

    # Committing.

    def _whose(self, start):
        """An answer was lost, or the name was taken: only what is there says whose commit it is."""
        m = manifest.load(self.lake, self.topic, self.partition, start)
        if m is None:
            raise Again(f'the manifest at {start} was not stored')
        return m.epoch == self.epoch

    def _put(self, start, raw):
        try:
            if self.lake.put_if_absent(manifest.path(self.topic, self.partition, start), raw):
                return True
        except Again as e:
            log.debug(f'put of a manifest: {e}', topic=self.topic, partition=self.partition)
        return self._whose(start)

    def _check(self, start, end, files):
        """Is this writer the newest? A manifest with a higher start says that we slept and somebody went on. Then ours is either a link of the chain,
        which he rolled forward for us, and stays; or it lies in a slot that was cleaned up long ago, and goes."""
        if not manifest.starts(self.lake, manifest.commits(self.topic, self.partition), start + 1)[:LOOK_AHEAD]:
            return
        covered = (manifest.history_end(self.lake, self.topic, self.partition) or 0) > start
        chained = self.lake.size(manifest.path(self.topic, self.partition, end)) is not None
        if covered or not chained:
            self.lake.remove(manifest.path(self.topic, self.partition, start))
            self.discard(files)
        raise Taken('a newer manifest is there')

    def discard(self, files):
        """Delete staged files that lost their manifest. What can't be deleted now is swept later."""
        for f in files:
            try:
                self.lake.remove(f['staged'])
            except (Again, Broken) as e:
                log.debug(f'discard: {e}')

    def commit(self, start, end, files, originals):
        """Make staged files, which last already, visible. files and originals are lines of the manifest."""
        time_ms = now_ms()
        head = {'topic': self.topic, 'partition': self.partition, 'start': start, 'end': end, 'epoch': self.epoch, 'writer': self.writer, 'time': time_ms}
        if not self._put(start, manifest.build(head, files, originals)):
            self.discard(files)
            raise Taken('the manifest is another writer\'s')
        self._check(start, end, files)
        self._publish(files)
        self.seen.add([(o['original'], o['again']) for o in originals], time_ms, time_ms, start, end, self.epoch)

    # Keeping house.

    def sweep(self, following):
        """Delete staged files of this partition, of any writer, whose range lies before `following`: they were rolled forward or lost their race."""
        ours = re.compile(re.escape(self.label) + '-[0-9a-f]{32}')
        for folder in self.lake.list(STAGING):
            if not ours.fullmatch(folder):
                continue
            for name in self.lake.list(f'{STAGING}/{folder}'):
                if manifest.NAME.fullmatch(name[:20]) and int(name[:20]) < following:
                    self.lake.remove(f'{STAGING}/{folder}/{name}')
            self.lake.remove(f'{STAGING}/{folder}')

    def fold(self):
        """Old manifests, but for the newest ones, into a history segment; then they go. True: there may be more to fold."""
        covered = self._covered()
        known = manifest.starts(self.lake, manifest.commits(self.topic, self.partition))
        for start in [s for s in known if s < covered]:
            self._remove_covered(start)
        taken = []
        for start in [s for s in known if s >= covered][:-KEEP]:
            m = manifest.load(self.lake, self.topic, self.partition, start)
            if m is None or m.time + CLEAN_AGE_MS > now_ms() or (taken and m.start != taken[-1].end):
                break
            taken.append(m)
            if len(taken) == MOST or sum(len(t.raw) for t in taken) >= BYTES:
                break
        if len(taken) < LEAST and sum(len(t.raw) for t in taken) < BYTES:
            return False
        if self._covered() != covered:
            return True  # another one folded: what was read may be a leftover that lay in a slot of his
        head = {'sluice': 'history', 'version': manifest.VERSION, 'topic': self.topic, 'partition': self.partition, 'start': taken[0].start,
                'end': taken[-1].end, 'time': taken[-1].time, 'manifests': len(taken)}
        where = f'{manifest.history(self.topic, self.partition)}/{taken[0].start:020d}'
        self.lake.put_if_absent(where, manifest.line(head).encode() + b''.join(t.raw for t in taken))
        # somebody else's may be shorter or longer: what it covers is what may go
        there = manifest.segment(self.lake, self.topic, self.partition, taken[0].start)
        if there is None:
            raise Again(f'{where} vanished')
        if there.end < taken[-1].end:
            return True
        for t in taken:
            self.lake.remove(manifest.path(self.topic, self.partition, t.start))
        return True

    def _remove_covered(self, start):
        """A crash kept it from being removed, or its writer slept: nobody wants what is left of its staged files."""
        where = manifest.path(self.topic, self.partition, start)
        try:
            m = manifest.load(self.lake, self.topic, self.partition, start)
            self.discard(m.files if m is not None else [])
        except Broken as e:
            log.debug(f'{where}: {e}')
        self.lake.remove(where)
