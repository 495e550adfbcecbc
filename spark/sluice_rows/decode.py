"""Columns of a Kafka DataFrame: headers for the driver's plan, rows for the tasks. Avro is decoded by Spark, with the writer's schema of each event."""
from pyspark.sql import functions as F
from pyspark.sql.avro.functions import from_avro

from . import events
from .errors import Broken
from .schema import Schema

SCHEMA_MAX = 1 << 20


class Writers:
    """Schemas that events name by fingerprint, from the lake."""

    def __init__(self, lake, table):
        self.lake, self.table = lake, table
        self.known = {table.fingerprint: table}

    def get(self, fingerprint):
        """Broken: it is not there, or rows of it can't be read into the table."""
        if fingerprint not in self.known:
            where = f'_sluice/schemas/{fingerprint:016x}.avsc'
            text = self.lake.get(where, SCHEMA_MAX)
            if text is None:
                raise Broken(f'the schema {where} of an event is not in the lake')
            schema = Schema(where, text)
            if schema.fingerprint != fingerprint:
                raise Broken(f'{where}: is a schema of fingerprint {schema.fingerprint:016x}')
            self.table.resolve(schema)
            self.known[fingerprint] = schema
        return self.known[fingerprint]


def _header(name):
    """The first header of a name, null when there is none."""
    return F.try_element_at(F.filter('headers', lambda h: h['key'] == name), F.lit(1))['value']


def headers(df):
    """Partition, offset and headers of events; of a report only that it is there."""
    short = F.transform('headers', lambda h: F.struct(h['key'].alias('key'), F.when(h['key'] != 'report', h['value']).alias('value')))
    return df.select('partition', 'offset', short.alias('headers'))


def read_headers(df):
    """[(partition, offset, Event or NotOurs)] of what headers() selected, in no order."""
    found = []
    for batch in df.toArrow().to_batches():
        partition, offset, headers_ = (batch.column(i) for i in range(3))
        bounds = headers_.offsets.to_pylist()
        pairs = list(zip(*(c.to_pylist() for c in headers_.values.flatten()))) if len(headers_.values) else []
        for i, (p, o) in enumerate(zip(partition.to_pylist(), offset.to_pylist())):
            try:
                event = events.read(o, pairs[bounds[i]:bounds[i + 1]])
            except events.NotOurs as e:
                event = e
            found.append((p, o, event))
    return found


def _array(schema):
    return '{"type":"array","items":' + schema.avro + '}'


def rows(df, table, writers):
    """Partition, offset, report and decoded rows of events. rows is null where a value can't be decoded."""
    options = {'mode': 'PERMISSIVE', 'avroSchema': _array(table)}
    decoded = None
    for fingerprint, schema in sorted(writers.items()):
        one = from_avro('value', _array(schema), options)
        if len(writers) == 1:
            decoded = one
        else:
            condition = F.lower(_header('schema').cast('string')) == f'{fingerprint:016x}'
            decoded = F.when(condition, one) if decoded is None else decoded.when(condition, one)
    return df.select('partition', 'offset', _header('report').alias('report'), decoded.alias('rows'))
