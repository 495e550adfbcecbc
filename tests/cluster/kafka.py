"""A Kafka broker in KRaft mode: one node, a plaintext listener, one with TLS and SASL (PLAIN, SCRAM), and one for clients that come through a proxy of the test's:
the broker tells them the proxy's port instead of its own (between.py). Two generations of it, and two brokers of the newer one that share their topics.

SCRAM of librdkafka before 2.6.1 (Debian 12 has 2.0.2) fails on brokers from 4.0 on: it sends the nonce twice, and they insist on the standard
(librdkafka#4895). So SCRAM is tested on 3.9 too.
"""
import os
import socket
import struct

from . import authority, jars
from .server import Server, java

USER, PASSWORD = 'sluice', 'let-me-in-7'
CLUSTER = 'A' * 22


def properties(folder, ports, ca, first=None):
    """first: the port of the controller, which is another node"""
    plain, controller, tls, behind, proxy = ports
    controls = '' if first else f',CONTROLLER://127.0.0.1:{controller}'
    return {
        'log.dirs': f'{folder}/data',
        'process.roles': 'broker' if first else 'broker,controller',
        'node.id': 2 if first else 1,
        'controller.quorum.voters': f'1@127.0.0.1:{first or controller}',
        'listeners': f'PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{tls},PROXIED://127.0.0.1:{behind}{controls}',
        'advertised.listeners': f'PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{tls},PROXIED://127.0.0.1:{proxy}',
        'controller.listener.names': 'CONTROLLER',
        'inter.broker.listener.name': 'PLAINTEXT',
        'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT',
        'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
        **{f'listener.name.sasl_ssl.scram-sha-{n}.sasl.jaas.config': 'org.apache.kafka.common.security.scram.ScramLoginModule required;' for n in (256, 512)},
        'listener.name.sasl_ssl.plain.sasl.jaas.config': f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': f'{ca}/server.pem',
    }


COMMON = {
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.num.partitions': 4,
    'transaction.state.log.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    'auto.create.topics.enable': 'false',
    'message.max.bytes': 10485760,
    'replica.fetch.max.bytes': 10485760,
    # the default keeps deleted segments for a minute: throughput tests would fill the disk
    'log.segment.delete.delay.ms': 1000,
    # a broker that was killed may come back when its old registration has expired: 4 s instead of 13
    'broker.session.timeout.ms': 2000,
    'broker.heartbeat.interval.ms': 500,
}
PAIR = {
    'offsets.topic.replication.factor': 2,
    'transaction.state.log.replication.factor': 2,
}
SINCE_4 = {
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
}

LOG = """Configuration:
  Appenders:
    Console:
      name: out
      PatternLayout: { pattern: "%d %p %c: %m%n" }
  Loggers:
    Root: { level: WARN, AppenderRef: { ref: out } }
    Logger: { name: kafka.server.KafkaRaftServer, level: INFO }
"""


def broker(run, ports, name, jar, **more):
    """A broker, and what a client must know. jar: of which generation; more: properties"""
    folder, ca = f'{run}/{name}', authority.of(run)
    os.makedirs(folder, exist_ok=True)
    first = more.pop('first', None)
    values = COMMON | properties(folder, ports, ca, first) | (SINCE_4 if jar == 'kafka' else {}) | more
    with open(f'{folder}/server.properties', 'w', encoding='utf-8') as f:
        f.writelines(f'{key}={value}\n' for key, value in values.items())
    with open(f'{folder}/log4j2.yaml', 'w', encoding='utf-8') as f:
        f.write(LOG)
    path, flags = jars.class_path(jar), [f'-Djava.io.tmpdir={folder}', f'-Dlog4j2.configurationFile={folder}/log4j2.yaml']
    scram = [word for kind in ('256', '512') for word in ('--add-scram', f'SCRAM-SHA-{kind}=[name={USER},password={PASSWORD}]')]
    prepare = java(128, path, 'kafka.tools.StorageTool', 'format', '--cluster-id', CLUSTER, '--config', f'{folder}/server.properties', '--ignore-formatted', *scram,
                   flags=flags)
    run_it = java(512, path, 'kafka.Kafka', f'{folder}/server.properties', flags=flags)
    where = {'bootstrap': f'127.0.0.1:{ports[0]}', 'sasl_ssl': f'127.0.0.1:{ports[2]}', 'ca': f'{ca}/ca.pem', 'user': USER, 'password': PASSWORD,
             'behind': ports[3], 'proxy': ports[4]}
    return Server(name, run_it, folder, prepare), where


def servers(run, ports, _):
    server, where = broker(run, ports, 'kafka', 'kafka')
    return [server], where


def servers_3(run, ports, _):
    server, where = broker(run, ports, 'kafka3', 'kafka3')
    return [server], where


def servers_pair(run, ports, _):
    """The first is the controller too; the second may be missed."""
    one, first = broker(run, ports[:PORTS], 'pair1', 'kafka', **PAIR)
    two, second = broker(run, ports[PORTS:], 'pair2', 'kafka', first=ports[1], **PAIR)
    return [one, two], {'bootstrap': f'{first["bootstrap"]},{second["bootstrap"]}', 'nodes': {'pair1': first['bootstrap'], 'pair2': second['bootstrap']}}


PORTS = 5


def _string(text):
    return struct.pack('>h', len(text)) + text.encode()


def _ask(address, key, version, body, seconds=3):
    """One request of the Kafka protocol; the answer without its header."""
    host, port = address.rsplit(':', 1)
    head = struct.pack('>hhi', key, version, 1) + _string('probe')
    with socket.create_connection((host, int(port)), seconds) as s, s.makefile('rb') as answer:
        s.sendall(struct.pack('>i', len(head + body)) + head + body)
        length, _ = struct.unpack('>ii', answer.read(8))
        return answer.read(length - 4)


class _Answer:
    """Read from left to right."""

    def __init__(self, content):
        self.content, self.at = content, 0

    def number(self, form='>i'):
        self.at += struct.calcsize(form)
        return struct.unpack_from(form, self.content, self.at - struct.calcsize(form))[0]

    def text(self):
        length = self.number('>h')
        self.at += max(0, length)

    def numbers(self):
        return [self.number() for _ in range(self.number())]


def metadata(address, topic=None):
    """How many brokers there are, the controller's number, and {partition of the topic: number of its leader, -1 none}."""
    asked = struct.pack('>i', 0) if topic is None else struct.pack('>i', 1) + _string(topic)
    answer, leaders = _Answer(_ask(address, 3, 4, asked + struct.pack('>?', False))), {}
    answer.number()
    brokers = answer.number()
    for _ in range(brokers):
        answer.number()
        answer.text()
        answer.number()
        answer.text()
    answer.text()
    controller = answer.number()
    for _ in range(answer.number()):
        answer.number('>h')
        answer.text()
        answer.number('>?')
        for _ in range(answer.number()):
            answer.number('>h')
            partition = answer.number()
            leaders[partition] = answer.number()
            answer.numbers()
            answer.numbers()
    return brokers, controller, leaders


def ready(where):
    """Raises OSError, struct.error or ValueError until the broker answers for its metadata and knows its controller."""
    brokers, controller, _ = metadata(where['bootstrap'])
    if brokers == 0 or controller < 0:
        raise ValueError('the broker knows no controller yet')


def pair_ready(name, where):
    """The same, and it knows the other one; but for the first the other one may be away."""
    brokers, controller, _ = metadata(where['nodes'][name])
    if controller < 0 or brokers < (2 if name == 'pair2' else 1):
        raise ValueError('the brokers do not know each other yet')


READY_PAIR = {name: (lambda where, name=name: pair_ready(name, where)) for name in ('pair1', 'pair2')}
