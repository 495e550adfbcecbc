"""Manifests and history segments: reading and writing. doc/formats/manifest.md is their format, and the native worker's are the same."""
import json
import re

from .errors import Again, Broken

VERSION = 1
MOST = 64 << 20
HISTORY_MOST = 68 << 20
NAME = re.compile(r'[0-9]{20}')
_TAIL = b'{"lines":'


def line(entry):
    return json.dumps(entry, ensure_ascii=False, separators=(',', ':')) + '\n'


def commits(topic, partition):
    return f'_sluice/commits/{topic}/{partition}'


def path(topic, partition, start):
    return f'{commits(topic, partition)}/{start:020d}'


def history(topic, partition):
    return f'_sluice/history/{topic}/{partition}'


def build(head, files, originals):
    """The text of a manifest: its head, lines of files, lines of originals, and their number."""
    lines = [line({'sluice': 'manifest', 'version': VERSION} | head)] + [line(e) for e in files + originals]
    raw = ''.join(lines + [line({'lines': len(lines)})]).encode('utf-8', 'replace')
    if len(raw) > MOST:
        raise Broken(f'a manifest larger than {MOST} bytes')
    return raw


class Manifest:
    """One that is whole. head, files and originals as JSON objects."""

    def __init__(self, where, raw):
        lines = raw.split(b'\n')
        try:
            if lines.pop() != b'':
                raise ValueError('the last line does not end')
            entries = [json.loads(text) for text in lines]
            self.head, tail = entries[0], entries.pop()
            if self.head['sluice'] != 'manifest' or self.head['version'] != VERSION:
                raise ValueError(f'not a manifest of version {VERSION}')
            if tail['lines'] != len(entries):
                raise ValueError(f'{len(entries)} lines, it says {tail["lines"]}')
            self.start, self.end, self.epoch, self.time = (self.head[k] for k in ('start', 'end', 'epoch', 'time'))
            if not 0 <= self.start < self.end:
                raise ValueError('its first line is damaged')
            self.files = [e for e in entries if 'file' in e]
            self.originals = [e for e in entries if 'original' in e]
            self.keys = [(e['original'].lower(), e['again']) for e in self.originals]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as e:
            raise Broken(f'{where}: the manifest is not whole or not ours: {e}') from e
        self.raw = raw


def load(lake, topic, partition, start):
    """The manifest that begins at start, None when there is none."""
    where = path(topic, partition, start)
    raw = lake.get(where, MOST)
    if raw is None:
        return None
    m = Manifest(where, raw)
    if (m.head['topic'], m.head['partition'], m.start) != (topic, partition, start):
        raise Broken(f'{where}: it speaks of {m.head["topic"]}/{m.head["partition"]} from {m.start}')
    return m


def starts(lake, folder, first=0):
    """Offsets that a folder has a manifest or segment for, ascending."""
    after = f'{first - 1:020d}' if first > 0 else None
    return [int(n) for n in lake.list(folder, after) if NAME.fullmatch(n)]


class Segment:
    """A history segment's first line."""

    def __init__(self, where, raw):
        try:
            head = json.loads(raw[:raw.index(b'\n')])
            self.start, self.end, self.time = head['start'], head['end'], head['time']
            if head['sluice'] != 'history' or head['version'] != VERSION or not 0 <= self.start < self.end:
                raise ValueError(f'not a history segment of version {VERSION}')
        except (ValueError, KeyError, TypeError) as e:
            raise Broken(f'{where}: {e}') from e


def segment(lake, topic, partition, start):
    where = f'{history(topic, partition)}/{start:020d}'
    raw = lake.get_range(where, 0, 1024)
    return None if raw is None else Segment(where, raw)


def history_end(lake, topic, partition):
    """Where the newest segment ends, None when there is none."""
    known = starts(lake, history(topic, partition))
    last = segment(lake, topic, partition, known[-1]) if known else None
    return last.end if last is not None else None


def in_segment(lake, topic, partition, start):
    """Every manifest of a segment."""
    where = f'{history(topic, partition)}/{start:020d}'
    raw = lake.get(where, HISTORY_MOST)
    if raw is None:
        raise Again(f'{where} vanished')
    at = raw.index(b'\n') + 1
    found = []
    while at < len(raw):
        tail = raw.find(b'\n' + _TAIL, at)
        end = raw.find(b'\n', tail + 1) + 1 if tail >= 0 else 0
        if end == 0:
            raise Broken(f'{where}: it is not whole')
        found.append(Manifest(where, raw[at:end]))
        at = end
    return found
