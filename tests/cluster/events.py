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


def delete_before(client, topic, partition, offset, wait_s=20):
    """As retention would: events before the offset are gone."""
    lib = client.lib
    for name, result, *arguments in (('rd_kafka_topic_partition_list_new', c_void_p, c_int), ('rd_kafka_topic_partition_list_destroy', None, c_void_p),
                                     ('rd_kafka_topic_partition_list_add', c_void_p, c_void_p, c_char_p, c_int32),
                                     ('rd_kafka_topic_partition_list_set_offset', c_int, c_void_p, c_char_p, c_int32, c_int64),
                                     ('rd_kafka_DeleteRecords_new', c_void_p, c_void_p), ('rd_kafka_DeleteRecords_destroy', None, c_void_p),
                                     ('rd_kafka_DeleteRecords', None, c_void_p, c_void_p, c_size_t, c_void_p, c_void_p)):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    which, queue = lib.rd_kafka_topic_partition_list_new(1), lib.rd_kafka_queue_new(client.handle)
    lib.rd_kafka_topic_partition_list_add(which, topic.encode(), partition)
    lib.rd_kafka_topic_partition_list_set_offset(which, topic.encode(), partition, offset)
    asked = lib.rd_kafka_DeleteRecords_new(which)
    lib.rd_kafka_DeleteRecords(client.handle, byref(c_void_p(asked)), 1, None, queue)
    event = lib.rd_kafka_queue_poll(queue, wait_s * 1000)
    error = lib.rd_kafka_event_error(event) if event else rdkafka.TIMED_OUT
    if event:
        lib.rd_kafka_event_destroy(event)
    lib.rd_kafka_DeleteRecords_destroy(asked)
    lib.rd_kafka_topic_partition_list_destroy(which)
    lib.rd_kafka_queue_destroy(queue)
    client._check(error)  # pylint: disable=protected-access
