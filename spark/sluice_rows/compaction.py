"""What compactions and expiries took away: doc/formats/manifest.md. A Spark worker does neither; it only has to know why a file that it committed is gone."""
import json

from . import manifest
from .errors import Again, Broken

VERSION = 1


def _took(lake, folder, entry, kinds):
    for generation in manifest.starts(lake, folder):
        where = f'{folder}/{generation:020d}'
        raw = lake.get(where, manifest.MOST)
        if raw is None:
            raise Again(f'{where} vanished')
        try:
            head, *files, tail = [json.loads(text) for text in raw.decode().splitlines()]
            if head['sluice'] not in kinds or head['version'] != VERSION or tail['lines'] != len(files) + 1:
                raise ValueError(f'not a whole {" or ".join(kinds)} of version {VERSION}')
        except (ValueError, KeyError, TypeError) as e:
            raise Broken(f'{where}: {e}') from e
        for f in files:
            if f.get('input') == entry['file'] and (f['size'], f['crc32']) == (entry['size'], entry['crc32']):
                return True
    return False


def took(lake, entry):
    """Did a compaction or an expiry take that file of a commit, with that size and CRC-32?"""
    if entry['kind'] == 'table':
        return _took(lake, f'_sluice/compactions/{entry["dataset"]}/{entry["hour"]:020d}', entry, ('compaction', 'expiry'))
    return _took(lake, f'_sluice/expired/rejects/{entry["dataset"]}/{entry["hour"]:020d}', entry, ('expiry',))
