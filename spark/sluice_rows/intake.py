"""What runs in Spark's tasks: the rows of chosen events go to table files in staging, what became of each original comes back as a line.

A task has the events of whole topic partitions. Nothing it does is visible to a reader; a task that is tried again writes other names.
"""
import json
import secrets

import pyarrow as pa

from .errors import Broken
from .lake import open_lake
from .manifest import line
from .tables import Tables

ENTRIES_MAX, REASON_MAX, NOTE_MAX = 256 << 10, 239, 4096
RUN = 64  # originals whose rows are handed over at once

RESULT = 'partition int, start long, result string'
RESULT_ARROW = pa.schema([('partition', pa.int32()), ('start', pa.int64()), ('result', pa.string())])


class Task:
    """What a commit's task has to know, small enough to travel with it.

    events     {offset: (hour, rows, number of its original, part)}
    originals  [{original, again, name, path, size, pipeline, dissector, parts, first}]
    """

    def __init__(self, start, staging, events, originals):
        self.start, self.staging, self.events, self.originals = start, staging, events, originals


def read_report(raw):
    """The report on an original: a dict whose members are of the right kind. Broken: it is not ours."""
    try:
        report = json.loads(raw)
        for key in ('rows', 'rejects', 'lost', 'outside', 'silent'):
            if type(report[key]) is not int or report[key] < 0:
                raise ValueError(f'key "{key}" is no count')
        if type(report['clean']) is not bool:
            raise ValueError('key "clean" is wanted')
        for key, most in (('entries', ENTRIES_MAX), ('reason', REASON_MAX), ('note', NOTE_MAX)):
            text = report.setdefault(key, '') if key == 'note' else report[key]
            if not isinstance(text, str) or len(text.encode('utf-8', 'replace')) > most:
                raise ValueError(f'key "{key}" is no text of at most {most} bytes')
        for key in ('ahead', 'behind'):
            if type(report.setdefault(key, 0)) is not int or report[key] < 0:
                raise ValueError(f'key "{key}" is no count')
        counters = report.get('counters') or {}
        report['counters'] = {k: v for k, v in counters.items() if type(v) is int and v > 0}
        *entries, tail = report['entries'].split('\n')
        if tail != '' or not all(e.startswith('{') for e in entries):
            raise ValueError('damaged entries')
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise Broken(f'report: {e}') from e
    return report


class _Rejects:
    """The rejects file of one commit, opened with the first reject."""

    def __init__(self, lake, path, dataset):
        self.lake, self.path, self.dataset = lake, path, dataset
        self.sink, self.lines = None, 0

    def add(self, original, report):
        if report['rejects'] == 0:
            return
        if self.sink is None:
            self.sink = self.lake.create(self.path)
        whose = line({k: original[k] for k in ('original', 'again', 'name', 'path', 'pipeline')})[:-2] + ','
        entries = report['entries'].split('\n')[:-1]
        if report['silent'] > 0:
            entries.append(line({'offset': 0, 'length': 0, 'rows': None, 'reason': f'{report["silent"]} further rejects without a line of their own',
                                 'raw': ''})[:-1])
        # an entry is an object of its own: its brace gives way to what says whose it is
        self.sink.write(''.join(f'{whose}{entry[1:]}\n' for entry in entries).encode('utf-8', 'replace'))
        self.lines += len(entries)

    def finish(self):
        if self.sink is None:
            return []
        self.sink.finish()
        return [{'staged': self.path, 'kind': 'rejects', 'dataset': self.dataset, 'size': self.sink.size, 'rows': self.lines, 'crc32': self.sink.crc32}]

    def drop(self):
        if self.sink is not None:
            self.sink.abandon()


class _Commit:
    """One commit while its files are written."""

    def __init__(self, lake, task, schema, options):
        prefix = f'{task.staging}/{task.start:020d}-{secrets.token_hex(4)}-'
        self.task = task
        self.tables = Tables(lake, prefix, schema, options)
        self.rejects = _Rejects(lake, f'{prefix}rejects.jsonl', schema.name)
        self.left = [o['parts'] for o in task.originals]
        self.stored = [0] * len(task.originals)
        self.report = [None] * len(task.originals)
        self.lines = [None] * len(task.originals)
        self.run, self.run_hour = [], None  # (rows as Arrow structs, [source, dissector, rows]) that go to one hour
        self.blocked = None

    def fail(self, number, offset, reason):
        self.blocked = [self.task.originals[number]['first'], f'event {offset}: {reason}']

    def take(self, offset, report, values, at, size):
        """One event: its rows are values[at:at+size], size None when they could not be decoded."""
        hour, rows, number, part = self.task.events[offset]
        try:
            if part == 0:
                if report is None:
                    raise Broken('part 0 has no report')
                self.report[number] = read_report(report)
            if rows > 0:
                if size is None:
                    raise Broken('its rows can\'t be decoded')
                if size != rows:
                    raise Broken(f'an event of {rows} rows holds {size}')
                self._rows(hour, number, values, at, size)
            self.left[number] -= 1
            if self.left[number] == 0:
                self._original(number)
        except Broken as e:
            self.fail(number, offset, str(e))

    def _rows(self, hour, number, values, at, size):
        o = self.task.originals[number]
        if self.run and (hour != self.run_hour or self.run[0] is not values or self.run[2] != at or len(self.run[3]) == RUN):
            self.hand_over()
        if not self.run:
            self.run, self.run_hour = [values, at, at, []], hour
        self.run[2] = at + size
        self.run[3].append((o['original'], o['dissector'], size))
        self.stored[number] += size

    def hand_over(self):
        """Rows that lie one after the other and go to one file are handed over at once."""
        if self.run:
            values, at, end, sources = self.run
            self.tables.append(self.run_hour, values, at, end, sources)
        self.run = []

    def _original(self, number):
        o, report, stored = self.task.originals[number], self.report[number], self.stored[number]
        # what the dissector gave is stored or counted as lost: parts that were cut differently would show here
        if stored > report['rows'] or report['rows'] - stored > report['lost']:
            raise Broken(f'parts hold {stored} rows, their report says {report["rows"]}')
        self.rejects.add(o, report)
        entry = {k: o[k] for k in ('original', 'again', 'name', 'path', 'size', 'pipeline', 'dissector', 'parts')}
        entry |= {'rows': stored, 'rejects': report['rejects'], 'lost': report['lost'], 'outside': report['outside'], 'clean': report['clean']}
        for key in ('ahead', 'behind', 'counters', 'reason', 'note'):
            if report[key]:
                entry[key] = report[key]
        self.lines[number] = entry

    def result(self):
        if self.blocked is None:
            self.hand_over()
            self.tables.finish()
            rejects = self.rejects.finish()
            return {'files': self.tables.files + rejects, 'originals': [entry for entry in self.lines if entry is not None]}
        self.drop()
        return {'blocked': self.blocked}

    def drop(self):
        self.tables.drop()
        self.rejects.drop()


def write(place, schema, options, tasks):
    """The function for mapInArrow. tasks: {partition: [Task]}; batches have partition, offset, report and rows."""

    def run(batches):
        lake = open_lake(place)
        commits = {}
        where = {p: {o: t for t in of for o in t.events} for p, of in tasks.items()}
        try:
            for batch in batches:
                _take(batch, where, commits, lambda t: _Commit(lake, t, schema, options))
            rows = [(p, start, json.dumps(c.result())) for (p, start), c in commits.items()]
        except BaseException:
            for c in commits.values():
                c.drop()
            raise
        yield pa.RecordBatch.from_arrays([pa.array([r[i] for r in rows], RESULT_ARROW.field(i).type) for i in range(3)], schema=RESULT_ARROW)

    return run


def _take(batch, where, commits, begin):
    partition, offset, report, rows = (batch.column(i) for i in range(4))
    values, bounds = rows.values, rows.offsets.to_pylist()
    decoded = rows.is_valid().to_pylist()
    for i, (p, o, r) in enumerate(zip(partition.to_pylist(), offset.to_pylist(), report.to_pylist())):
        task = where.get(p, {}).get(o)
        if task is None:
            continue  # a duplicate, or one that waits for others
        c = commits.get((p, task.start))
        if c is None:
            c = commits[p, task.start] = begin(task)
        if c.blocked is None:
            c.take(o, r, values, bounds[i], bounds[i + 1] - bounds[i] if decoded[i] else None)
    for c in commits.values():
        c.hand_over()
