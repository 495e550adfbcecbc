"""librdkafka through ctypes, as little of it as the tests need: make a topic, write to it, read all of it."""
import ctypes
import time
from ctypes import byref, c_char_p, c_int, c_int32, c_int64, c_size_t, c_void_p

PRODUCER, CONSUMER = 0, 1
COPY = 2
BEGINNING = -2
NO_LEADER_YET = (5, 6)  # of a broker that has just come back: LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER
TIMED_OUT = -185
INVALID = -1001  # no offset


class _Message(ctypes.Structure):
    _fields_ = [('err', c_int), ('topic', c_void_p), ('partition', c_int32), ('payload', c_void_p), ('len', c_size_t), ('key', c_void_p), ('key_len', c_size_t),
                ('offset', c_int64), ('private', c_void_p)]


def _library():
    lib = ctypes.CDLL('librdkafka.so.1')
    for name, result, *arguments in (
            ('rd_kafka_conf_new', c_void_p), ('rd_kafka_conf_set', c_int, c_void_p, c_char_p, c_char_p, c_char_p, c_size_t),
            ('rd_kafka_new', c_void_p, c_int, c_void_p, c_char_p, c_size_t), ('rd_kafka_destroy', None, c_void_p),
            ('rd_kafka_topic_new', c_void_p, c_void_p, c_char_p, c_void_p), ('rd_kafka_topic_destroy', None, c_void_p),
            ('rd_kafka_produce', c_int, c_void_p, c_int32, c_int, c_char_p, c_size_t, c_char_p, c_size_t, c_void_p), ('rd_kafka_flush', c_int, c_void_p, c_int),
            ('rd_kafka_outq_len', c_int, c_void_p), ('rd_kafka_err2str', c_char_p, c_int),
            ('rd_kafka_query_watermark_offsets', c_int, c_void_p, c_char_p, c_int32, c_void_p, c_void_p, c_int),
            ('rd_kafka_consume_start', c_int, c_void_p, c_int32, c_int64), ('rd_kafka_consume_stop', c_int, c_void_p, c_int32),
            ('rd_kafka_consume', ctypes.POINTER(_Message), c_void_p, c_int32, c_int), ('rd_kafka_message_destroy', None, c_void_p),
            ('rd_kafka_NewTopic_new', c_void_p, c_char_p, c_int, c_int, c_char_p, c_size_t), ('rd_kafka_NewTopic_destroy', None, c_void_p),
            ('rd_kafka_queue_new', c_void_p, c_void_p), ('rd_kafka_queue_poll', c_void_p, c_void_p, c_int), ('rd_kafka_queue_destroy', None, c_void_p),
            ('rd_kafka_CreateTopics', None, c_void_p, c_void_p, c_size_t, c_void_p, c_void_p), ('rd_kafka_event_error', c_int, c_void_p),
            ('rd_kafka_event_destroy', None, c_void_p)):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


class Client:
    """kind: PRODUCER or CONSUMER. properties: librdkafka's, with dots. Raises OSError with its words."""

    def __init__(self, kind, properties):
        self.lib, said = _library(), ctypes.create_string_buffer(512)
        conf = self.lib.rd_kafka_conf_new()
        for name, value in properties.items():
            if self.lib.rd_kafka_conf_set(conf, name.encode(), str(value).encode(), said, len(said)) != 0:
                raise ValueError(said.value.decode())
        self.handle = self.lib.rd_kafka_new(kind, conf, said, len(said))
        if not self.handle:
            raise OSError(said.value.decode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lib.rd_kafka_destroy(self.handle)

    def _check(self, error):
        if error:
            raise OSError(self.lib.rd_kafka_err2str(error).decode())

    def create(self, topic, partitions=1, wait_s=20):
        """The topic's own errors are not looked at: one that is there already is fine."""
        lib, said = self.lib, ctypes.create_string_buffer(512)
        new, queue = lib.rd_kafka_NewTopic_new(topic.encode(), partitions, 1, said, len(said)), lib.rd_kafka_queue_new(self.handle)
        lib.rd_kafka_CreateTopics(self.handle, byref(c_void_p(new)), 1, None, queue)
        event = lib.rd_kafka_queue_poll(queue, wait_s * 1000)
        error = lib.rd_kafka_event_error(event) if event else TIMED_OUT
        if event:
            lib.rd_kafka_event_destroy(event)
        lib.rd_kafka_queue_destroy(queue)
        lib.rd_kafka_NewTopic_destroy(new)
        self._check(error)

    def produce(self, topic, values, partition=0, wait_s=30):
        """All of them acknowledged, or an OSError."""
        made = self.lib.rd_kafka_topic_new(self.handle, topic.encode(), None)
        for value in values:
            while self.lib.rd_kafka_produce(made, partition, COPY, value, len(value), None, 0, None) != 0:
                if self.lib.rd_kafka_flush(self.handle, 100) != 0 and not self.lib.rd_kafka_outq_len(self.handle):
                    raise OSError('rd_kafka_produce')
        error = self.lib.rd_kafka_flush(self.handle, wait_s * 1000)
        self.lib.rd_kafka_topic_destroy(made)
        self._check(error)

    def ends(self, topic, partition=0, wait_s=10):
        """(oldest offset, offset after the newest)"""
        low, high, end = c_int64(), c_int64(), time.monotonic() + wait_s
        while True:
            error = self.lib.rd_kafka_query_watermark_offsets(self.handle, topic.encode(), partition, byref(low), byref(high), wait_s * 1000)
            if error not in NO_LEADER_YET or time.monotonic() > end:
                break
            time.sleep(0.1)
        self._check(error)
        return low.value, high.value

    def consume(self, topic, partition=0, wait_s=30):
        """Every value that lies in the partition now, in order."""
        made = self.lib.rd_kafka_topic_new(self.handle, topic.encode(), None)
        low, high = self.ends(topic, partition)
        found, end = [], time.monotonic() + wait_s
        self.lib.rd_kafka_consume_start(made, partition, low)
        at = low
        while at < high and time.monotonic() < end:
            message = self.lib.rd_kafka_consume(made, partition, 500)
            if not message:
                continue
            if message.contents.err == 0:
                found.append(ctypes.string_at(message.contents.payload, message.contents.len))
                at = message.contents.offset + 1
            self.lib.rd_kafka_message_destroy(message)
        self.lib.rd_kafka_consume_stop(made, partition)
        self.lib.rd_kafka_topic_destroy(made)
        return found


def plain(where):
    """Properties of a client of the plaintext listener; where is session().kafka."""
    return {'bootstrap.servers': where.bootstrap}


def secure(where, mechanism='PLAIN'):
    """Properties of a client of the listener with TLS and SASL. SCRAM wants kafka3 while librdkafka is older than 2.6.1."""
    return {'bootstrap.servers': where.sasl_ssl, 'security.protocol': 'SASL_SSL', 'sasl.mechanism': mechanism, 'sasl.username': where.user,
            'sasl.password': where.password, 'ssl.ca.location': where.ca}
