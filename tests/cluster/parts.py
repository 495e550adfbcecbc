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

ALL = ('kafka', 'kafka3', 'hdfs', 'kerberos', 'metastore', 'metastore4')
# What a script of this folder does with the cluster for all: (parts it uses, parts it kills or otherwise takes away from others). Scripts run beside each other where no
# part of one is disturbed by another. In the order in which they begin: those that nothing can run beside wait most, so they come while the other tests keep the
# processors busy. One that is not named is taken to disturb everything.
SCRIPTS = {
    'services': ((), ('kafka', 'hdfs', 'metastore')),
    'endings': ((), ()),
    'harness': ((), ('kafka', 'kafka3', 'hdfs', 'metastore', 'metastore4')),
    'overload': (('metastore',), ('kafka', 'hdfs')),
    'trouble': ((), ('kafka', 'hdfs', 'metastore')),
    'lake_hdfs': ((), ('hdfs',)),
    'kafka_work': ((), ('kafka',)),
    'catalog': (('hdfs',), ('metastore', 'metastore4')),
    'kerberos_hdfs': ((), ('kerberos',)),
    'points': (('kafka', 'hdfs', 'metastore'), ()),
    'torture': (('kafka', 'hdfs', 'metastore'), ()),
    'conform': (('kafka', 'kafka3', 'hdfs'), ()),
    'spark_rows': (('kafka', 'hdfs', 'metastore'), ()),
    'datasets': (('kafka', 'hdfs', 'metastore', 'metastore4'), ()),
    'compact': (('hdfs', 'metastore', 'metastore4'), ()),
    'ml_queries': (('hdfs', 'metastore'), ()),
    'lake_run': (('hdfs',), ()),
    'audit': (('hdfs', 'metastore4'), ()),
    'kafka_secure': (('kafka', 'kafka3'), ()),
}


def here():
    """Those of a cluster for all scripts: what this machine has the programs for, and no second broker, which few scripts want."""
    return [part for part in PARTS if part != 'pair' and (part != 'kerberos' or not kerberos.lacking())]


def probe(server):
    """(part, function) that tell whether a server is well."""
    return next((part, ready[server]) for part, (_, _, ready) in PARTS.items() if server in ready)


def beside(name, others):
    """Whether a script may run while the others do."""
    def of(script):
        used, disturbed = SCRIPTS.get(script, ((), ALL))
        return set(used), set(disturbed)
    used, disturbed = of(name)
    return all(not disturbed & (u | d) and not d & used for u, d in map(of, others))
