"""One partition as the driver sees it: where its chain ends, which events lie behind that, and why it stands still if it does."""
import time

from . import log
from .chain import Chain, now_ms
from .errors import Broken
from .plan import Plan
from .schema import HOUR, civil

FOLD_EVERY, FOLD_ROUNDS = 64, 4


class Lane:
    def __init__(self, lake, topic, partition, horizon_ms, writer):
        self.topic, self.partition = topic, partition
        self.chain = Chain(lake, topic, partition, horizon_ms, writer)
        self.start = self.following = 0  # where the chain of commits ends; up to where events were read
        self.batch_first = 0             # of the events that the running batch brought
        self.events = []                 # from start on, without those that are not ours
        self.limit = None                # a Blocked that a task met: no commit passes it
        self.stuck = None                # why it stands still
        self.said = None
        self.waited_since = None         # of an original whose parts are not all there
        self.target = None               # --once: be here, and it is done
        self._sweep, self._unfolded = False, 0

    def place(self):
        return {'topic': self.topic, 'partition': self.partition}

    def recover(self, first, last):
        """Where to go on; first and last are the topic's range. Files of the newest commit come back. Broken: it stands still, and why."""
        end, files = self.chain.recover()
        if end is None:
            end = 0
        if first > end:
            raise Broken(f'events {end} to {first - 1} are gone from the bus and were never committed')
        if last < end:
            raise Broken(f'commits go to {end}, the bus ends at {last}: this is another bus or another lake')
        self.start = self.following = end
        self.events, self.limit, self.stuck, self.waited_since = [], None, None, None
        self._unfolded = FOLD_EVERY
        self._sweep = True
        self.keep_house()
        # once more after the next commit: files of a writer that died before its manifest lie at start, not before it
        self._sweep = True
        return files

    def stand_still(self, reason):
        self.stuck = reason
        if reason != self.said:
            log.error(f'partition stands still: {reason}', **self.place())
        self.said = reason

    def goes_on(self):
        if self.said is not None:
            log.info('goes on', **self.place())
        self.said = None

    def plan(self, check, most):
        plan = Plan(self.events, self.start, self.following, self.chain.seen.has, check, most, self.limit)
        if plan.waiting is None:
            self.waited_since = None
        elif self.waited_since is None:
            self.waited_since = time.monotonic()
        return plan

    def commit(self, commit, files, originals):
        """Broken, Again, Taken: as the chain's."""
        self.chain.commit(commit.start, commit.end, files, originals)
        self.start = commit.end
        self.events = [e for e in self.events if e.offset >= commit.end]
        self._unfolded += 1
        self.goes_on()

    def keep_house(self):
        """What can wait, and what no commit fails by."""
        try:
            self.chain.lake.remove(self.chain.staging)
            if self._sweep:
                self._sweep = False
                self.chain.sweep(self.start)
            if self._unfolded >= FOLD_EVERY:
                self._unfolded = 0
                for _ in range(FOLD_ROUNDS):
                    if not self.chain.fold():
                        break
        except Exception as e:  # of the lake, whatever it is: the next commit tries again
            log.warn(f'keeping house: {e}', **self.place())

    def files(self, commit, found, schema):
        """Lines of the manifest for the files of a commit: final names are made of what everybody knows."""
        out = []
        hour = now_ms() // 1000 // HOUR
        for number, f in enumerate(found):
            tail = f'part-{self.chain.label}-{commit.start}-{commit.end}-{number:05d}'
            if f['kind'] == 'table':
                path = f'{schema.name}/hive/{schema.path(f["hour"])}/{tail}.parquet'
            else:
                y, m, d, h = civil(hour)
                path = f'{schema.name}/rejects/{y:04d}{m:02d}{d:02d}/{h:02d}/{tail}.jsonl'
            out.append({'file': path, 'staged': f['staged'], 'kind': f['kind'], 'dataset': f['dataset'], 'hour': f.get('hour', hour), 'size': f['size'],
                        'rows': f['rows'], 'crc32': f['crc32']})
        return out
