"""The broker: properties for Spark's source, and the few questions that are asked beside it, through the JVM's own consumer."""
import json
import threading

from . import log
from .errors import Again, Usage

TIMEOUT_MS = 15000

# Properties of the configuration are librdkafka's; these go to the Java client under the same name.
_SAME = {'client.id', 'client.rack', 'socket.connection.setup.timeout.ms', 'reconnect.backoff.ms', 'reconnect.backoff.max.ms', 'retry.backoff.ms',
         'metadata.max.age.ms', 'isolation.level', 'connections.max.idle.ms', 'fetch.max.bytes', 'sasl.kerberos.service.name'}
_JAAS = {'PLAIN': 'plain.PlainLoginModule', 'SCRAM-SHA-256': 'scram.ScramLoginModule', 'SCRAM-SHA-512': 'scram.ScramLoginModule'}


def _quoted(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def _read(path):
    try:
        with open(path, encoding='utf-8') as f:
            return f.read()
    except OSError as e:
        raise Usage(f'kafka: {path}: {e.strerror}') from e


def properties(brokers, given):
    """librdkafka's properties as the Java client's. What only a producer needs, or librdkafka alone knows, is passed over."""
    out = {'bootstrap.servers': brokers}
    left = dict(given)
    protocol = left.pop('security.protocol', None)
    if protocol:
        out['security.protocol'] = protocol.upper()
    mechanism = (left.pop('sasl.mechanism', None) or left.pop('sasl.mechanisms', '')).upper()
    user, password = left.pop('sasl.username', None), left.pop('sasl.password', None)
    if mechanism:
        out['sasl.mechanism'] = mechanism
        if user is not None and mechanism in _JAAS:
            out['sasl.jaas.config'] = (f'org.apache.kafka.common.security.{_JAAS[mechanism]} required username={_quoted(user)} '
                                       f'password={_quoted(password or "")};')
    authorities = left.pop('ssl.ca.location', None)
    if authorities:
        out |= {'ssl.truststore.type': 'PEM', 'ssl.truststore.certificates': _read(authorities)}
    certificate, key = left.pop('ssl.certificate.location', None), left.pop('ssl.key.location', None)
    if certificate and key:
        out |= {'ssl.keystore.type': 'PEM', 'ssl.keystore.certificate.chain': _read(certificate), 'ssl.keystore.key': _read(key)}
        if 'ssl.key.password' in left:
            out['ssl.key.password'] = left.pop('ssl.key.password')
    identification = left.pop('ssl.endpoint.identification.algorithm', None)
    if identification is not None:
        out['ssl.endpoint.identification.algorithm'] = '' if identification == 'none' else identification
    for name in sorted(left):
        if name in _SAME:
            out[name] = left[name]
        else:
            log.debug(f'kafka: {name} is not for this client')
    return out


class Kafka:
    """What a topic has. Threads take turns: the consumer behind it is one."""

    def __init__(self, spark, client):
        self._jvm = spark._jvm
        self._client = client
        self._consumer = None
        self._lock = threading.Lock()

    def _open(self):
        if self._consumer is None:
            p = self._jvm.java.util.Properties()
            for name, value in self._client.items():
                p.setProperty(name, value)
            for name in ('key.deserializer', 'value.deserializer'):
                p.setProperty(name, 'org.apache.kafka.common.serialization.ByteArrayDeserializer')
            p.setProperty('allow.auto.create.topics', 'false')
            p.setProperty('default.api.timeout.ms', str(TIMEOUT_MS))
            self._consumer = self._jvm.org.apache.kafka.clients.consumer.KafkaConsumer(p)
        return self._consumer

    def _ask(self, question):
        from py4j.protocol import Py4JJavaError
        with self._lock:
            try:
                return question(self._open())
            except Py4JJavaError as e:
                if self._consumer is not None:
                    try:
                        self._consumer.close()
                    except Py4JJavaError:
                        pass  # it is given up
                self._consumer = None
                raise Again(f'kafka: {e.java_exception.toString()}') from e

    def partitions(self, topic):
        """Numbers of the partitions, none when the topic is not there."""
        return self._ask(lambda c: sorted(p.partition() for p in c.listTopics().get(topic) or []))

    def ranges(self, topic, partitions):
        """{partition: (first offset that is there, offset after the last)}"""
        def question(consumer):
            asked = self._jvm.java.util.ArrayList()
            for p in partitions:
                asked.add(self._jvm.org.apache.kafka.common.TopicPartition(topic, p))
            first, last = consumer.beginningOffsets(asked), consumer.endOffsets(asked)
            return {t.partition(): (first[t], last[t]) for t in asked}
        return self._ask(question)

    def source_options(self):
        """For Spark's Kafka source."""
        return {f'kafka.{k}': v for k, v in self._client.items()} | {'includeHeaders': 'true', 'failOnDataLoss': 'true'}


def offsets(topic, of):
    """Spark's JSON of offsets."""
    return json.dumps({topic: {str(p): o for p, o in sorted(of.items())}})


def assignment(topic, partitions):
    return json.dumps({topic: sorted(partitions)})
