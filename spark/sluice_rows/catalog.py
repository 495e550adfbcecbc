"""Tells a Hive Metastore which partitions exist. Rows are committed whether it answers or not: what could not be registered is tried again, and at a start the
partitions of the newest commits are, since their writer may have died before it could.
"""
import threading
import time

from . import log
from .errors import Again, Broken
from .metastore import Metastore

RETRY_S = 15.0


class NoCatalog:
    def add(self, schema, hours):
        """Nobody wants to know."""

    def flush(self, now=False):
        """Nothing waits."""
        return True


class HiveCatalog:
    """Partitions that wait to be registered, and those that are. Shared by pipelines."""

    def __init__(self, place):
        self._metastore = Metastore(**place)
        self._known, self._waiting = set(), {}
        self._lock = threading.Lock()
        self._due = 0.0
        self._said = None

    def add(self, schema, hours):
        with self._lock:
            for hour in hours:
                path = schema.path(hour)
                if (schema.name, path) not in self._known:
                    self._waiting[schema.name, path] = schema, schema.values(hour)

    def flush(self, now=False):
        """Register what waits; failures are told once and tried again later. False: some wait still."""
        with self._lock:
            if not self._waiting or (time.monotonic() < self._due and not now):
                return not self._waiting
            for (table, path), (schema, values) in list(self._waiting.items()):
                try:
                    self._metastore.add_partition(schema, values, path)
                except (Again, Broken) as e:
                    self._tell(str(e))
                    self._due = time.monotonic() + RETRY_S
                    return False
                del self._waiting[table, path]
                self._known.add((table, path))
            self._tell(None)
            return True

    def _tell(self, reason):
        if reason is not None and reason != self._said:
            log.warn(f'{len(self._waiting)} partitions wait to be registered: {reason}')
        elif reason is None and self._said is not None:
            log.info('partitions are registered again')
        self._said = reason
