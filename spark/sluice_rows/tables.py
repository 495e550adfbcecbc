"""Table files of a commit, written by pyarrow where the rows are: one open file per hour, within a budget, named and described as the native worker's.

Columns, types, OPTIONAL and the footer's keys are those of doc/formats/parquet.md and doc/provenance.md; pages are pyarrow's.
"""
import json

import pyarrow as pa
import pyarrow.parquet as pq

SOURCES = 4096  # in one footer
DISSECTORS = 8
ROW_GROUP_BYTES = 64 << 20  # of Arrow memory, at most
CODEC = {'none': 'NONE', 'snappy': 'SNAPPY', 'zstd': 'ZSTD', 'gzip': 'GZIP'}
DICTIONARY_BYTES = 4 << 20


def arrow_schema(schema):
    types = {'string': pa.string(), 'int': pa.int32(), 'long': pa.int64(), 'float': pa.float32()}
    return pa.schema([pa.field(n, types[t], nullable=True) for n, t in schema.columns])


def utf8_length(raw, at):
    """Bytes of the valid character at raw[at], 0 when there is none."""
    for length in (1, 2, 3, 4):
        try:
            if len(raw[at:at + length].decode('utf-8')) == 1:
                return length
        except UnicodeDecodeError:
            continue
    return 0


def repaired(raw):
    """Each byte that is no part of a valid character becomes U+FFFD, as the native worker stores it."""
    try:
        return raw.decode('utf-8')
    except UnicodeDecodeError:
        out, at = [], 0
        while at < len(raw):
            length = utf8_length(raw, at)
            out.append(raw[at:at + length].decode('utf-8') if length else '\ufffd')
            at += length or 1
        return ''.join(out)


def clean(table):
    """Texts that are UTF-8, whatever came."""
    for i, field in enumerate(table.schema):
        if field.type != pa.string():
            continue
        try:
            table.column(i).validate(full=True)
        except pa.ArrowInvalid:
            raw = pa.chunked_array([_as_binary(c) for c in table.column(i).chunks])
            fixed = pa.array([None if v is None else repaired(v) for v in raw.to_pylist()], pa.string())
            table = table.set_column(i, field, pa.chunked_array([fixed]))
    return table


def _as_binary(array):
    """The same bytes without a claim about them."""
    return pa.Array.from_buffers(pa.binary(), len(array), array.buffers(), offset=array.offset)


class HourFile:
    """One open file. Rows are kept until they make a row group."""

    def __init__(self, tables, hour, sink):
        self.tables, self.hour, self.sink = tables, hour, sink
        self.rows = self.held_rows = self.held_bytes = self.used = 0
        self.batches, self.sources, self.dissectors = [], [], []
        o = tables.options
        self.writer = pq.ParquetWriter(
            pa.PythonFile(sink, mode='w'), tables.schema, version='1.0', data_page_version='1.0', compression=CODEC[o['codec']],
            compression_level=o['level'] or (1 if o['codec'] == 'zstd' else 6) if o['codec'] in ('zstd', 'gzip') else None, use_dictionary=True,
            write_statistics=True, store_schema=False, write_page_index=True, write_page_checksum=True, dictionary_pagesize_limit=DICTIONARY_BYTES)

    def append(self, batch, sources):
        for source, dissector, rows in sources:
            if not self.sources or self.sources[-1][0] != source:
                self.sources.append([source, self.rows, 0])
            self.sources[-1][2] += rows
            self.rows += rows
            if dissector not in self.dissectors and len(self.dissectors) < DISSECTORS:
                self.dissectors.append(dissector)
        self.batches.append(batch)
        self.held_rows += batch.num_rows
        self.held_bytes += batch.nbytes

    def flush(self):
        """What is held becomes a row group."""
        if self.held_rows > 0:
            table = clean(pa.Table.from_batches(self.batches, self.tables.schema))
            self.writer.write_table(table, row_group_size=self.held_rows)
        self.batches, self.held_rows, self.held_bytes = [], 0, 0

    def finish(self):
        self.flush()
        self.writer.add_key_value_metadata({
            'parquet.avro.schema': self.tables.avro, 'writer.model.name': 'avro',
            'sluice.sources': json.dumps(self.sources, separators=(',', ':')), 'sluice.dissector': ' '.join(self.dissectors)})
        self.writer.close()
        self.sink.finish()


class Tables:
    """The table files of one commit. files: what is finished, as lines of the manifest without the final name."""

    def __init__(self, lake, prefix, schema, options):
        self.lake, self.prefix, self.dataset, self.options = lake, prefix, schema.name, options
        self.schema, self.avro = arrow_schema(schema), schema.avro
        self.open, self.files = {}, []
        self.number = self.clock = 0

    def append(self, hour, values, at, end, sources):
        """Rows of one hour: values[at:end] of an array of structs. sources: [(original, dissector, rows)] in their order."""
        f = self.open.get(hour)
        if f is not None and len(f.sources) + len(sources) > SOURCES:
            self._finish(f)
            f = None
        batch = pa.RecordBatch.from_arrays(values.slice(at, end - at).flatten(), schema=self.schema)
        if f is None:
            f = self._open(hour)
        self.clock += 1
        f.used = self.clock
        f.append(batch, sources)
        if f.held_rows >= self.options['row_group_rows'] or f.held_bytes >= ROW_GROUP_BYTES:
            f.flush()
        if f.sink.size >= self.options['file_bytes']:
            self._finish(f)
        while sum(h.held_bytes for h in self.open.values()) > self.options['memory']:
            max(self.open.values(), key=lambda h: h.held_bytes).flush()

    def _open(self, hour):
        if len(self.open) >= self.options['open_hours']:
            self._finish(min(self.open.values(), key=lambda h: h.used))
        sink = self.lake.create(f'{self.prefix}{self.number:05d}.parquet')
        self.number += 1
        f = self.open[hour] = HourFile(self, hour, sink)
        return f

    def _finish(self, f):
        del self.open[f.hour]
        f.finish()
        self.files.append({'staged': f.sink.path, 'kind': 'table', 'dataset': self.dataset, 'hour': f.hour, 'size': f.sink.size, 'rows': f.rows,
                           'crc32': f.sink.crc32})

    def finish(self):
        for f in list(self.open.values()):
            self._finish(f)

    def drop(self):
        """Give up what was staged."""
        for f in self.open.values():
            f.sink.abandon()
        for f in self.files:
            self.lake.remove(f['staged'])
        self.open, self.files = {}, []

