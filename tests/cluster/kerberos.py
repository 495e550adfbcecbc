"""HDFS that believes nobody without Kerberos: a key distribution centre of MIT's, a name node and a data node in its realm. Its WebHDFS wants SPNEGO or a delegation token."""
import json
import os
import shutil
import subprocess

from . import authority, hdfs
from .server import Server
from .webhdfs import USER

REALM = 'SLUICE.TEST'
PORTS = 1 + 3 + 4
NAMES = ('kdc', 'namenode_krb', 'datanode_krb')
PROGRAMS = ('krb5kdc', 'kdb5_util', 'kadmin.local', 'curl')
SERVICES = ('hdfs/localhost', 'HTTP/localhost')
TICKET_S = 600


def found(program):
    """Debian keeps the servers in a folder that is not on everyone's path."""
    return shutil.which(program, path=os.environ.get('PATH', '') + ':/usr/sbin')


def lacking():
    return [program for program in PROGRAMS if found(program) is None]


def realm(folder, port):
    """A realm with its keys: server.keytab for the services, client.keytab for USER. Returns what a process of the realm has in its environment."""
    os.makedirs(folder)
    with open(f'{folder}/krb5.conf', 'w', encoding='ascii') as f:
        f.write(f'[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\ndns_lookup_realm = false\ndns_canonicalize_hostname = false\nrdns = false\n'
                f'udp_preference_limit = 1\nticket_lifetime = {TICKET_S}s\n'
                f'[realms]\n{REALM} = {{\n kdc = 127.0.0.1:{port}\n}}\n[domain_realm]\nlocalhost = {REALM}\n')
    with open(f'{folder}/kdc.conf', 'w', encoding='ascii') as f:
        f.write(f'[kdcdefaults]\nkdc_listen = ""\nkdc_tcp_listen = 127.0.0.1:{port}\n'
                f'[realms]\n{REALM} = {{\n database_name = {folder}/principal\n key_stash_file = {folder}/stash\n acl_file = {folder}/acl\n max_life = {TICKET_S}s\n}}\n'
                '[logging]\nkdc = STDERR\n')
    env = {'KRB5_CONFIG': f'{folder}/krb5.conf', 'KRB5_KDC_PROFILE': f'{folder}/kdc.conf'}

    def run(*words):
        subprocess.run([found(words[0]), *words[1:]], env={**os.environ, **env}, check=True, capture_output=True)

    run('kdb5_util', 'create', '-s', '-r', REALM, '-P', 'throw-away')
    for keytab, principals in (('server', SERVICES), ('client', [USER])):
        for name in principals:
            run('kadmin.local', '-r', REALM, '-q', f'addprinc -randkey {name}')
            run('kadmin.local', '-r', REALM, '-q', f'ktadd -k {folder}/{keytab}.keytab {name}')
    return env


def servers(run, ports, _):
    """The key distribution centre, the name node, its data node; and what a client must know: env is what makes it the user of the realm."""
    folder, ca = f'{run}/kerberos', authority.of(run)
    env = realm(folder, ports[0])
    core = {'hadoop.security.authentication': 'kerberos', 'hadoop.security.token.service.use_ip': 'false',
            'hadoop.http.filter.initializers': 'org.apache.hadoop.hdfs.web.AuthFilterInitializer', 'hadoop.http.authentication.type': 'kerberos',
            'hadoop.http.authentication.kerberos.principal': f'HTTP/localhost@{REALM}', 'hadoop.http.authentication.kerberos.keytab': f'{folder}/server.keytab'}
    more = {'dfs.block.access.token.enable': 'true', 'ignore.secure.ports.for.testing': 'true', 'dfs.replication': 1,
            'dfs.web.authentication.kerberos.principal': f'HTTP/localhost@{REALM}', 'dfs.web.authentication.kerberos.keytab': f'{folder}/server.keytab'}
    for who in ('namenode', 'datanode'):
        more |= {f'dfs.{who}.kerberos.principal': f'hdfs/localhost@{REALM}', f'dfs.{who}.keytab.file': f'{folder}/server.keytab'}
    conf = hdfs.configure(f'{run}/hdfs_krb', ports[1:], ca, 'localhost', core, more)
    made, _ = hdfs.name_and_data(run, ports[1:], conf, NAMES[1:], [f'-Djava.security.krb5.conf={folder}/krb5.conf'])
    kdc = Server('kdc', [found('krb5kdc'), '-n', '-r', REALM], f'{run}/kdc', env=env)
    return [kdc, *made], {'http': f'http://localhost:{ports[2]}', 'node': f'http://localhost:{ports[5]}', 'conf': f'{folder}/krb5.conf', 'keytab': f'{folder}/client.keytab', 'superuser': f'{folder}/server.keytab', 'kdc': ports[0]}


def identity(where, place):
    """The environment of a process that is USER in the realm; place is a folder for its tickets."""
    return {'KRB5_CONFIG': where['conf'], 'KRB5_CLIENT_KTNAME': f'FILE:{where["keytab"]}', 'KRB5CCNAME': f'FILE:{place}/tickets'}


def curl(where, place, url, *options):
    """What a URL answers to the user; raises CalledProcessError."""
    return subprocess.run(['curl', '-sSfL', '--noproxy', '*', '--negotiate', '-u', ':', *options, url],
                          env={**os.environ, **identity(where, place)}, check=True, capture_output=True, timeout=60).stdout


def call(where, place, path, *options):
    """What WebHDFS answers to the user; path with its query."""
    return curl(where, place, f'{where["http"]}/webhdfs/v1{path}', *options)


def bean(where, address, name):
    return json.loads(curl(where, os.path.dirname(where['keytab']), f'{address}/jmx?qry=Hadoop:service={name}'))['beans'][0]


def kdc_ready(where):
    """Raises until it gives a ticket and the name node takes it."""
    call(where, os.path.dirname(where['keytab']), '/?op=GETFILESTATUS')


def name_node_ready(where):
    state = bean(where, where['http'], 'NameNode,name=FSNamesystemState')
    if state['FSState'] != 'Operational' or state['NumLiveDataNodes'] != 1:
        raise ValueError('the name node is in safe mode')


def data_node_ready(where):
    if '"ActorState":"RUNNING"' not in bean(where, where['node'], 'DataNode,name=DataNodeInfo')['BPServiceActorInfo'].replace(' ', ''):
        raise ValueError('the data node is not registered')


READY = {'kdc': kdc_ready, 'namenode_krb': name_node_ready, 'datanode_krb': data_node_ready}
