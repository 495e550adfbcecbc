"""What a cluster may consist of. A part is a few servers that make sense together only."""
from . import hdfs, kafka, kerberos, metastore

# name: how many ports it wants, what makes its servers (from run folder, ports, addresses of the parts before it), how each of its servers is probed
PARTS = {
    'kafka': (kafka.PORTS, kafka.servers, {'kafka': kafka.ready}),
    'kafka3': (kafka.PORTS, kafka.servers_3, {'kafka3': kafka.ready}),
    'pair': (2 * kafka.PORTS, kafka.servers_pair, kafka.READY_PAIR),
    'hdfs': (hdfs.PORTS, hdfs.servers, hdfs.READY),
    'kerberos': (kerberos.PORTS, kerberos.servers, kerberos.READY),
    'metastore': (metastore.PORTS, metastore.servers_2, {'metastore': metastore.ready}),
    'metastore4': (metastore.PORTS, metastore.servers_4, {'metastore4': metastore.ready}),
}


def here():
    """Those of a cluster for all scripts: what this machine has the programs for, and no second broker, which few scripts want."""
    return [part for part in PARTS if part != 'pair' and (part != 'kerberos' or not kerberos.lacking())]


def probe(server):
    """(part, function) that tell whether a server is well."""
    return next((part, ready[server]) for part, (_, _, ready) in PARTS.items() if server in ready)
