"""Events of any kind onto a topic, and off it, as a stranger with a Kafka client could; tests of what workers take and refuse."""
import ctypes
from ctypes import byref, c_char_p, c_int, c_int32, c_int64, c_size_t, c_void_p

from . import rdkafka

TOPIC, PARTITION, VALUE, KEY, FLAGS, HEADER = 1, 3, 4, 5, 7, 9  # rd_kafka_vtype_t


class _Mem(ctypes.Structure):
    _fields_ = [('ptr', c_char_p), ('size', c_size_t)]


class _Header(ctypes.Structure):
    _fields_ = [('name', c_char_p), ('val', c_char_p), ('size', c_size_t)]


class _Union(ctypes.Union):
    _fields_ = [('cstr', c_char_p), ('i', c_int), ('i32', c_int32), ('mem', _Mem), ('header', _Header), ('pad', ctypes.c_char * 64)]


class _Vu(ctypes.Structure):
    _fields_ = [('vtype', c_int), ('u', _Union)]


class _Place(ctypes.Structure):
    _fields_ = [('topic', c_char_p), ('partition', c_int32), ('offset', c_int64), ('metadata', c_void_p), ('metadata_size', c_size_t), ('opaque', c_void_p),
                ('err', c_int), ('private', c_void_p)]


class _List(ctypes.Structure):
    _fields_ = [('cnt', c_int), ('size', c_int), ('elems', ctypes.POINTER(_Place))]


LIST = (('rd_kafka_topic_partition_list_new', c_void_p, c_int), ('rd_kafka_topic_partition_list_destroy', None, c_void_p),
        ('rd_kafka_topic_partition_list_add', c_void_p, c_void_p, c_char_p, c_int32),
        ('rd_kafka_topic_partition_list_set_offset', c_int, c_void_p, c_char_p, c_int32, c_int64))


def produce(client, topic, partition, headers, value, key=b''):
    """One event; headers are [(name, bytes)]. flush() says that it is there."""
    lib = client.lib
    lib.rd_kafka_produceva.restype, lib.rd_kafka_produceva.argtypes = c_void_p, (c_void_p, c_void_p, c_size_t)
    lib.rd_kafka_error_code.restype, lib.rd_kafka_error_code.argtypes = c_int, (c_void_p,)
    wanted = [_Vu(TOPIC, _Union(cstr=topic.encode())), _Vu(PARTITION, _Union(i32=partition)), _Vu(VALUE, _Union(mem=_Mem(value, len(value)))),
              _Vu(KEY, _Union(mem=_Mem(key, len(key)))), _Vu(FLAGS, _Union(i=rdkafka.COPY))]
    wanted += [_Vu(HEADER, _Union(header=_Header(name.encode(), v, len(v)))) for name, v in headers]
    error = lib.rd_kafka_produceva(client.handle, (_Vu * len(wanted))(*wanted), len(wanted))
    if error:
        raise OSError(lib.rd_kafka_err2str(lib.rd_kafka_error_code(error)).decode())


def flush(client, wait_s=30):
    client._check(client.lib.rd_kafka_flush(client.handle, wait_s * 1000))  # pylint: disable=protected-access


def _declare(lib, *functions):
    for name, result, *arguments in functions:
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments


def _answered(client, ask, wait_s):
    """What an administrator's request comes to; ask gets the queue of its answer."""
    lib = client.lib
    queue = lib.rd_kafka_queue_new(client.handle)
    ask(queue)
    event = lib.rd_kafka_queue_poll(queue, wait_s * 1000)
    error = lib.rd_kafka_event_error(event) if event else rdkafka.TIMED_OUT
    if event:
        lib.rd_kafka_event_destroy(event)
    lib.rd_kafka_queue_destroy(queue)
    client._check(error)  # pylint: disable=protected-access


def delete_before(client, topic, partition, offset, wait_s=20):
    """As retention would: events before the offset are gone."""
    lib = client.lib
    _declare(lib, *LIST, ('rd_kafka_DeleteRecords_new', c_void_p, c_void_p), ('rd_kafka_DeleteRecords_destroy', None, c_void_p),
             ('rd_kafka_DeleteRecords', None, c_void_p, c_void_p, c_size_t, c_void_p, c_void_p))
    which = lib.rd_kafka_topic_partition_list_new(1)
    lib.rd_kafka_topic_partition_list_add(which, topic.encode(), partition)
    lib.rd_kafka_topic_partition_list_set_offset(which, topic.encode(), partition, offset)
    asked = lib.rd_kafka_DeleteRecords_new(which)
    try:
        _answered(client, lambda queue: lib.rd_kafka_DeleteRecords(client.handle, byref(c_void_p(asked)), 1, None, queue), wait_s)
    finally:
        lib.rd_kafka_DeleteRecords_destroy(asked)
        lib.rd_kafka_topic_partition_list_destroy(which)


def set_topic(client, topic, name, value, wait_s=20):
    """One property of a topic; what else was set for it goes back to the broker's."""
    lib, topic_resource = client.lib, 2
    _declare(lib, ('rd_kafka_ConfigResource_new', c_void_p, c_int, c_char_p), ('rd_kafka_ConfigResource_destroy', None, c_void_p),
             ('rd_kafka_ConfigResource_set_config', c_int, c_void_p, c_char_p, c_char_p), ('rd_kafka_AlterConfigs', None, c_void_p, c_void_p, c_size_t, c_void_p, c_void_p))
    resource = lib.rd_kafka_ConfigResource_new(topic_resource, topic.encode())
    client._check(lib.rd_kafka_ConfigResource_set_config(resource, name.encode(), str(value).encode()))  # pylint: disable=protected-access
    try:
        _answered(client, lambda queue: lib.rd_kafka_AlterConfigs(client.handle, byref(c_void_p(resource)), 1, None, queue), wait_s)
    finally:
        lib.rd_kafka_ConfigResource_destroy(resource)


def delete_topic(client, topic, wait_s=20):
    """As a person with Kafka's tools could."""
    lib = client.lib
    _declare(lib, ('rd_kafka_DeleteTopic_new', c_void_p, c_char_p), ('rd_kafka_DeleteTopic_destroy', None, c_void_p),
             ('rd_kafka_DeleteTopics', None, c_void_p, c_void_p, c_size_t, c_void_p, c_void_p))
    asked = lib.rd_kafka_DeleteTopic_new(topic.encode())
    try:
        _answered(client, lambda queue: lib.rd_kafka_DeleteTopics(client.handle, byref(c_void_p(asked)), 1, None, queue), wait_s)
    finally:
        lib.rd_kafka_DeleteTopic_destroy(asked)


def committed(client, topic, partition, wait_s=20):
    """What the client's group has committed there, as Kafka's own tools show it; rdkafka.INVALID: nothing."""
    lib = client.lib
    _declare(lib, *LIST, ('rd_kafka_committed', c_int, c_void_p, c_void_p, c_int))
    which = lib.rd_kafka_topic_partition_list_new(1)
    lib.rd_kafka_topic_partition_list_add(which, topic.encode(), partition)
    try:
        client._check(lib.rd_kafka_committed(client.handle, which, wait_s * 1000))  # pylint: disable=protected-access
        return ctypes.cast(which, ctypes.POINTER(_List)).contents.elems[0].offset
    finally:
        lib.rd_kafka_topic_partition_list_destroy(which)
