/* One row per key, so that nothing of a file can be passed over without a word. */
#include "app/spot/keys.h"

#include "base/str.h"

#define SPARK                                                                                                          \
	"rows are taken by workers of sluice; with rows_worker: spark it is an option of spark-submit (doc/spark.md)"
#define ZOO      "topics are made and found through the brokers; ZooKeeper is not asked"
#define MESSAGE  "messages are cut to what the broker says that the topic takes"
#define SPLIT    "captures are read whole, whatever their size, and not split"
#define PLACE    "it names where a part of Spot runs"
#define ANALYSIS "it belongs to Spot's machine learning and analysis, which read the tables as before"
#define ENGINE   "sluice tells the metastore of tables and partitions, and needs no SQL engine"

static const struct spot_key ingest[] = {
    {"dbname", NULL},
    {"hdfs_app_path", NULL},
    {"collector_processes", "one collector archives with threads of its own; workers: is how many dissect"},
    {"ingestion_interval", "a file is taken as soon as its writer is done with it"},
    {"spark-streaming", NULL},
    {"spark-streaming.*", SPARK},
    {"kafka", NULL},
    {"kafka.kafka_server", NULL},
    {"kafka.kafka_port", NULL},
    {"kafka.zookeper_*", ZOO},
    {"kafka.message_size", MESSAGE},
    {"kafka.max_request_size", MESSAGE},
    {"pipelines", NULL},
    {"pipelines.*.type", NULL},
    {"pipelines.*.collector_path", NULL},
    {"pipelines.*.supported_files", NULL},
    {"pipelines.*.recursive", NULL},
    {"pipelines.*.process_opt", NULL},
    {"pipelines.*.parser", NULL},
    {"pipelines.*.local_staging", "files are read where they lie and staged in the lake"},
    {"pipelines.*.pkt_num", SPLIT},
    {"pipelines.*.pcap_split_staging", SPLIT},
};

static const struct spot_key conf[] = {
    {"HUSER", NULL},
    {"NAME_NODE", NULL},
    {"WEB_PORT", NULL},
    {"DBNAME", NULL},
    {"KERBEROS", NULL},
    {"PRINCIPAL", NULL},
    {"KEYTAB", NULL},
    {"SASL_MECH", NULL},
    {"SECURITY_PROTO", NULL},
    {"KAFKA_SERVICE_NAME", NULL},
    {"SSL", NULL},
    {"SSL_VERIFY", NULL},
    {"CA_LOCATION", NULL},
    {"CERT", NULL},
    {"KEY", NULL},
    {"DBENGINE", NULL},
    {"KINIT", "tickets are got from the keytab without it"},
    {"JDBC_URL", ENGINE},
    {"IMPALA_*", ENGINE},
    {"HS2_*", ENGINE},
    {"UINODE", PLACE},
    {"MLNODE", PLACE},
    {"GWNODE", PLACE},
    {"DSOURCES", ANALYSIS},
    {"*_PATH", ANALYSIS},
    {"HPATH", ANALYSIS},
    {"LUSER", ANALYSIS},
    {"[LR]PATH", ANALYSIS},
    {"LIPATH", "sluice runs from where it is installed"},
    {"USER_DOMAIN", ANALYSIS},
    {"SPK_*", ANALYSIS},
    {"LDA_*", ANALYSIS},
    {"PRECISION", ANALYSIS},
    {"TOL", ANALYSIS},
    {"TOPIC_COUNT", ANALYSIS},
    {"DUPFACTOR", ANALYSIS},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct spot_key *find(const struct spot_key *table, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (str_match(table[i].name, name))
			return &table[i];
	return NULL;
}

const struct spot_key *spot_key_ingest(const char *name)
{
	return find(ingest, COUNT(ingest), name);
}

const struct spot_key *spot_key_conf(const char *name)
{
	return find(conf, COUNT(conf), name);
}
