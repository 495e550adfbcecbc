"""One pipeline: a streaming query over its rows topic whose batches become commits.

A query lives for one generation: recover every partition from the lake, start the query at the ends of their chains with a fresh checkpoint, and turn
each micro-batch into commits. Whatever fails ends the generation, and the next one begins with what the lake says. So Spark's own offsets never
matter after a start, and one partition that stands still does not hold the others.
"""
import collections
import functools
import json
import os
import shutil
import tempfile
import threading
import time

from pyspark.sql import functions as F

from . import decode, intake, kafka, log
from .errors import Again, Broken, Taken
from .events import NotOurs
from .lake import open_lake
from .lane import Lane
from .plan import Blocked

POLL = '100 milliseconds'  # of the topic's end
WAIT_LEAST, WAIT_MOST = 0.05, 15.0  # back-off, doubling
WAIT_BROKEN = 30.0  # a person has to do something: look again
LOOK = 2.0  # for topics and partitions that are new
BATCH_ROWS, BATCH_EVENTS = 32768, 2048  # of one Arrow batch, about
FEW = 500  # duplicates that are left out before they are decoded
PARTS_GRACE = 5.0  # then it is said that an original's parts are waited for


class Pipeline(threading.Thread):
    """Runs until stop is set, or with once until what lay there at the start is committed. failed: why it could not be."""

    def __init__(self, spark, settings, pipeline, broker, catalog, once, stop):
        super().__init__(name=pipeline.name, daemon=True)
        self.spark, self.settings, self.pipeline, self.broker, self.catalog, self.once, self.stop = (
            spark, settings, pipeline, broker, catalog, once, stop)
        self.lake = None
        self.lanes = {}
        self.targets = None
        self.failed = None
        self.writer = f'sluice rows_worker on Spark {spark.version}'
        self._busy = threading.Lock()  # a batch is being dealt with
        self._halt = self._renew = False
        self._trouble = None
        self._range = {}

    # The thread.

    def run(self):
        wait = 0
        while not self.stop.is_set() and not self._done():
            try:
                commits = sum(lane.start for lane in self.lanes.values())
                self._generation()
                wait = 0
            except Taken as e:
                log.warn(f'another writer has a partition: looks again: {e}', pipeline=self.pipeline.name)
                wait = WAIT_LEAST
            except Again as e:
                if self._spark_ended():
                    self.failed = f'{self.pipeline.name}: Spark has ended'
                    return
                wait = min(max(wait * 2, WAIT_LEAST), WAIT_MOST) if commits == sum(lane.start for lane in self.lanes.values()) else WAIT_LEAST
                log.warn(f'waits: {e}', pipeline=self.pipeline.name)
            except ImportError as e:
                self.failed = f'{self.pipeline.name}: {e}'
                return
            except Exception as e:  # a query may end by anything; what is committed is in the lake, so beginning again is always right
                if self._spark_ended():
                    self.failed = f'{self.pipeline.name}: Spark has ended'
                    return
                wait = min(max(wait * 2, 1.0), WAIT_MOST)
                log.error(f'begins again after: {type(e).__name__}: {e}', pipeline=self.pipeline.name)
            self.stop.wait(wait)

    def _spark_ended(self):
        """Nothing can go on without it; who started us starts us again."""
        try:
            return self.spark.sparkContext._jsc.sc().isStopped()
        except Exception:  # py4j has nobody to ask
            return True

    def _numbers(self):
        """Partitions of the topic that are ours."""
        numbers = self.broker.partitions(self.pipeline.topic)
        return [n for n in numbers if self.settings.partitions is None or n in self.settings.partitions]

    def _done(self):
        if not self.once or self.targets is None:
            return False
        for lane in self.lanes.values():
            if lane.stuck is not None:
                self.failed = self.failed or f'{lane.topic}/{lane.partition}: {lane.stuck}'
            elif lane.start < lane.target and not self._left(lane):
                return False
        for lane in self.lanes.values():
            if self._left(lane):
                log.warn('originals whose parts are not all there are left on the bus', **lane.place())
        return True

    def _left(self, lane):
        """Everything that the bus has was read, and what can't be committed waits for parts that nobody sent yet."""
        return lane.waited_since is not None and lane.following >= max(lane.target, self._range.get(lane.partition, (0, lane.following))[1])

    # A generation.

    def _generation(self):
        self._halt = self._renew = False
        self._trouble = None
        if self.lake is None:
            self.lake = open_lake(self.settings.lake)
            self.writers = decode.Writers(self.lake, self.pipeline.schema)
        self._recover()
        live = [lane for lane in self.lanes.values() if lane.stuck is None]
        if not live or self._done():
            self._rest()
            return
        folder = tempfile.mkdtemp(prefix=f'sluice-{self.pipeline.name}-')
        try:
            self._query(live, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if self._trouble is not None:
            raise self._trouble

    def _rest(self):
        """Nothing to read: the topic is not there yet, or all stands still."""
        wait = WAIT_BROKEN if self.lanes else LOOK
        if not self._done():
            self.stop.wait(wait)

    def _recover(self):
        topic = self.pipeline.topic
        numbers = self._numbers()
        for number in numbers:
            if number not in self.lanes:
                self.lanes[number] = Lane(self.lake, topic, number, self.settings.dedupe_horizon, self.writer)
        self._range = self.broker.ranges(topic, numbers) if numbers else {}
        if self.once and self.targets is None:
            self.targets = {n: last for n, (_, last) in self._range.items()}
            for number, lane in self.lanes.items():
                lane.target = self.targets[number]
        for number, lane in self.lanes.items():
            if lane.target is None and self.once:
                lane.target = 0  # added since: not ours to wait for
            try:
                if number not in self._range:
                    raise Broken('the topic has no such partition any more')
                files = lane.recover(*self._range[number])
                self.catalog.add(self.pipeline.schema, [f['hour'] for f in files if f['kind'] == 'table'])
                log.debug(f'reads from {lane.start}', identities=len(lane.chain.seen), **lane.place())
            except Broken as e:
                lane.stand_still(str(e))
        self.catalog.flush()

    def _query(self, live, folder):
        s = self.settings
        topic = self.pipeline.topic
        most = s.commit_max_events * len(live)
        options = self.broker.source_options() | {
            'assign': kafka.assignment(topic, [lane.partition for lane in live]),
            'startingOffsets': kafka.offsets(topic, {lane.partition: lane.start for lane in live}), 'maxOffsetsPerTrigger': str(most)}
        if not self.once:
            options |= {'minOffsetsPerTrigger': str(most), 'maxTriggerDelay': f'{s.commit_max_age}ms'}
        df = self.spark.readStream.format('kafka').options(**options).load()
        query = (df.writeStream.queryName(f'sluice-{self.pipeline.name}').foreachBatch(self._batch)
                 .option('checkpointLocation', 'file://' + os.path.join(folder, 'checkpoint')).trigger(processingTime=POLL).start())
        try:
            self._watch(query)
        finally:
            self._halt = True
            with self._busy:  # a batch that is being committed comes to its end
                pass
            query.stop()

    def _watch(self, query):
        began = looked = time.monotonic()
        stuck = any(lane.stuck is not None for lane in self.lanes.values())
        while query.isActive and not self.stop.is_set() and not self._renew and self._trouble is None:
            self.stop.wait(0.1)
            now = time.monotonic()
            if now - looked >= (0.5 if self.once else LOOK):
                looked = now
                numbers = self._numbers()
                if set(numbers) - set(self.lanes):
                    return
                self._range = self.broker.ranges(self.pipeline.topic, numbers)
                self.catalog.flush()
                self._tell_waiting(now)
            if stuck and now - began >= WAIT_BROKEN:
                return
            if self._done():
                return
        error = query.exception()
        if error is not None:
            raise Again(str(error).split('\n')[0])

    def _tell_waiting(self, now):
        for lane in self.lanes.values():
            if lane.waited_since is not None and now - lane.waited_since > PARTS_GRACE + self.settings.commit_max_age / 1000 and lane.said is None:
                lane.said = 'parts'
                log.warn('waits for the rest of an original\'s parts', offset=lane.start, **lane.place())

    # A batch.

    def _batch(self, df, number):
        """foreachBatch: what it raises would end the query, and so does what is left in _trouble."""
        with self._busy:
            if self._halt or self.stop.is_set() or self._trouble is not None:
                return
            try:
                self._commit_batch(df)
            except (Again, Taken, ImportError) as e:
                self._trouble = e
            except Broken as e:
                self._trouble = Again(str(e))
            except Exception as e:
                self._trouble = Again(f'{type(e).__name__}: {str(e).splitlines()[0] if str(e) else ""}')

    def _commit_batch(self, df):
        self._take_in(df)
        again = True
        while again and not self.stop.is_set():
            plans = {n: lane.plan(self._reason, self.settings.commit_max_events) for n, lane in self.lanes.items() if lane.stuck is None}
            results = self._write(df, {n: p.commits for n, p in plans.items() if p.commits})
            again = False
            for n, plan in plans.items():
                again |= self._finish(self.lanes[n], plan, results)
        self.catalog.flush()

    def _take_in(self, df):
        """Headers of the batch's events to their lanes."""
        by_lane = {}
        for p, o, event in decode.read_headers(decode.headers(df)):
            by_lane.setdefault(p, []).append((o, event))
        for lane in self.lanes.values():
            found = by_lane.get(lane.partition, [])
            lane.batch_first = min((o for o, _ in found), default=lane.following)
            for o, event in sorted(found, key=lambda f: f[0]):
                if isinstance(event, NotOurs):
                    log.error(f'an event that is not ours is left out: {event}', offset=o, **lane.place())
                else:
                    lane.events.append(event)
                lane.following = max(lane.following, o + 1)

    def _reason(self, event):
        """Why an event can't be honoured, as far as its headers say; None: it can."""
        if event.kind == 'file':
            return 'a file event: only a native worker can take it (rows_worker: native)'
        if event.part == 0 and not event.report:
            return 'part 0 has no report'
        if event.rows == 0:
            return None
        try:
            self.writers.get(event.schema)
        except Broken as e:
            return f'rows of schema {event.schema:016x}: {e}'
        return None

    def _write(self, df, commits):
        """Stage the rows of commits. {(partition, start): result}"""
        tasks, writers, events, rows = {}, {}, 0, 0
        for n, of in commits.items():
            for c in of:
                task = self._task(self.lanes[n], c)
                if task.events:
                    tasks.setdefault(n, []).append(task)
                for o in c.originals:
                    events += len(o.events)
                    rows += sum(e.rows for e in o.events)
                    writers |= {e.schema: self.writers.get(e.schema) for e in o.events if e.rows > 0}
        if not tasks:
            return {}
        chosen = self._events(df, tasks)
        spark = chosen.sparkSession
        spark.conf.set('spark.sql.execution.arrow.maxRecordsPerBatch', str(max(1, min(BATCH_EVENTS, BATCH_ROWS * events // max(rows, 1)))))
        selected = decode.rows(chosen, self.pipeline.schema, writers or {self.pipeline.schema.fingerprint: self.pipeline.schema})
        run = intake.write(self.settings.lake, self.pipeline.schema, self.settings.table_options(), tasks)
        found = {}
        for r in selected.mapInArrow(run, intake.RESULT).collect():
            found[r.partition, r.start] = json.loads(r.result)
        return found

    def _task(self, lane, commit):
        originals, events = [], {}
        for number, o in enumerate(commit.originals):
            e = o.events[-1]
            originals.append({'original': e.original, 'again': e.again, 'name': e.name, 'path': e.path, 'size': e.size, 'pipeline': self.pipeline.name,
                              'dissector': e.dissector, 'parts': e.parts, 'first': o.first})
            events |= {e.offset: (e.hour, e.rows, number, e.part) for e in o.events}
        return intake.Task(commit.start, lane.chain.staging, events, originals)

    def _events(self, df, tasks):
        """The events of tasks: of this batch, and those that an earlier batch had to leave, in order within a partition."""
        wanted, left = [], {}
        for n, of in tasks.items():
            first, last = min(min(t.events) for t in of), max(max(t.events) for t in of)
            condition = (F.col('partition') == n) & F.col('offset').between(first, last)
            idle = [e.offset for e in self.lanes[n].events if first <= e.offset <= last and not any(e.offset in t.events for t in of)]
            if 0 < len(idle) <= FEW:
                condition &= ~F.col('offset').isin(idle)
            wanted.append(condition)
            if first < self.lanes[n].batch_first:
                left[n] = (first, self.lanes[n].batch_first)
        condition = functools.reduce(lambda a, b: a | b, wanted)
        if not left:
            return df.where(condition)
        topic = self.pipeline.topic
        options = self.broker.source_options() | {
            'assign': kafka.assignment(topic, list(left)), 'startingOffsets': kafka.offsets(topic, {n: r[0] for n, r in left.items()}),
            'endingOffsets': kafka.offsets(topic, {n: r[1] for n, r in left.items()})}
        both = df.sparkSession.read.format('kafka').options(**options).load().unionByName(df).where(condition)
        return both.repartition(len(tasks), 'partition').sortWithinPartitions('partition', 'offset')

    def _finish(self, lane, plan, results):
        """Commit what was staged. True: a task met an event that can't be honoured, so plan again, up to it."""
        total = collections.Counter()
        try:
            for c in plan.commits:
                result = self._result(lane, c, results)
                if 'blocked' in result:
                    lane.limit = Blocked(*result['blocked'])
                    self._discard(lane, plan, c, results)
                    log.warn(f'{lane.limit.reason}: commits what came before it', **lane.place())
                    return True
                files = lane.files(c, result['files'], self.pipeline.schema)
                lane.commit(c, files, result['originals'])
                self.catalog.add(self.pipeline.schema, [f['hour'] for f in files if f['kind'] == 'table'])
                total.update(commits=1, events=c.events, duplicates=c.duplicates, originals=len(result['originals']), files=len(files),
                             rows=sum(o['rows'] for o in result['originals']), rejects=sum(o['rejects'] for o in result['originals']))
        finally:
            if total:
                lane.keep_house()
                ends = self._range.get(lane.partition, (0, 0))[1]
                log.info('committed', **lane.place(), **total, lag=max(ends, lane.following) - lane.start)
        if plan.blocked is not None:
            lane.stand_still(plan.blocked.reason)
            lane.limit = None
        return False

    def _result(self, lane, commit, results):
        if not commit.originals:
            return {'files': [], 'originals': []}
        result = results.get((lane.partition, commit.start))
        if result is None or ('blocked' not in result and len(result['originals']) != len(commit.originals)):
            raise Again(f'events of {lane.topic}/{lane.partition} from {commit.start} can\'t be read again')
        return result

    def _discard(self, lane, plan, failed, results):
        """Files that were staged for what comes after a commit that failed."""
        for c in plan.commits:
            if c.start > failed.start:
                lane.chain.discard(results.get((lane.partition, c.start), {}).get('files', []))
