"""Tells a Hive Metastore which partitions exist, through Spark's own catalog. The tables are made by the native program (sluice work, sluice run).

Rows are committed whether the metastore answers or not: what could not be registered is tried again.
"""
import threading
import time

from . import log

RETRY_S = 15.0


class NoCatalog:
    def add(self, schema, hours):
        """Nobody wants to know."""

    def flush(self):
        """Nothing waits."""


class HiveCatalog:
    """Partitions that wait to be registered, and those that are. Shared by pipelines."""

    def __init__(self, spark, database):
        self.spark, self.database = spark, database
        self._known, self._waiting = set(), {}
        self._lock = threading.Lock()
        self._due = 0.0
        self._said = None

    def add(self, schema, hours):
        with self._lock:
            for hour in hours:
                path = schema.path(hour)
                if (schema.name, path) not in self._known:
                    self._waiting[schema.name, path] = schema.values(hour), schema.partition

    def flush(self):
        """Register what waits; failures are told once and tried again later."""
        with self._lock:
            if not self._waiting or time.monotonic() < self._due:
                return
            for (table, path), (values, columns) in list(self._waiting.items()):
                spec = ', '.join(f'`{name}`=' + (f"'{v}'" if kind == 'string' else v) for (name, kind, _), v in zip(columns, values))
                try:
                    self.spark.sql(f'ALTER TABLE `{self.database}`.`{table}` ADD IF NOT EXISTS PARTITION ({spec})')
                except Exception as e:  # whatever a metastore or its client may say: rows are committed all the same
                    self._tell(str(e).split('\n')[0])
                    self._due = time.monotonic() + RETRY_S
                    return
                del self._waiting[table, path]
                self._known.add((table, path))
            self._tell(None)

    def _tell(self, reason):
        if reason is not None and reason != self._said:
            log.warn(f'{len(self._waiting)} partitions wait to be registered: {reason}')
        elif reason is None and self._said is not None:
            log.info('partitions are registered again')
        self._said = reason
