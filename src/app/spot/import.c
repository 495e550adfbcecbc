/*
 * What two files of Spot say about places and services. The configuration that comes out is read back by the parser
 * that will read it, so that whatever a file holds, the result is one that sluice takes, or an error.
 */
#include "app/spot/import.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "app/config.h"
#include "app/providers.h"
#include "app/spot/keys.h"
#include "app/spot/work.h"
#include "base/mem.h"
#include "base/str.h"
#include "bus/bus.h"
#include "format/locate.h"

#define STAND_IN "replace-me.invalid" /* RFC 6761: never a host */

/* ---- reading ---- */

unsigned spot_line(const struct spot_work *w, const char *a, const char *b, const char *c)
{
	const char *const path[] = {a, b, c};
	size_t depth = b == NULL ? 1 : c == NULL ? 2 : 3;
	return locate_member(w->p->ingest.text, w->p->ingest.size, path, depth);
}

bool spot_scalar(const json_t *value, char out[SPOT_TEXT])
{
	if (json_is_string(value))
		return str_copy(out, SPOT_TEXT, json_string_value(value));
	if (json_is_integer(value))
		snprintf(out, SPOT_TEXT, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		snprintf(out, SPOT_TEXT, "%.17g", json_real_value(value));
	else if (json_is_boolean(value))
		snprintf(out, SPOT_TEXT, "%s", json_is_true(value) ? "true" : "false");
	else
		return false;
	return true;
}

const char *spot_conf_text(const struct spot_work *w, const char *name, unsigned *line)
{
	const struct spot_setting *s = spot_conf_get(&w->conf, name);
	*line = s != NULL ? s->line : 0;
	return s != NULL && s->value[0] != '\0' ? s->value : NULL;
}

bool spot_true(const char *text)
{
	return text != NULL && strcasecmp(text, "true") == 0;
}

/* root[section][key] as text; "" when it is not there or no text. */
static unsigned ingest_text(const struct spot_work *w, const char *section, const char *key, char out[SPOT_TEXT])
{
	const json_t *from = section != NULL ? json_object_get(w->root, section) : w->root;
	const json_t *value = json_object_get(from, key);
	if (value == NULL || !spot_scalar(value, out))
		out[0] = '\0';
	return section != NULL ? spot_line(w, section, key, NULL) : spot_line(w, key, NULL, NULL);
}

/* ---- writing ---- */

void spot_put(struct spot_work *w, const char *key, const char *value)
{
	writer_format(&w->yaml, "%s: ", key);
	json_quote(&w->yaml, value, strlen(value));
	writer_u8(&w->yaml, '\n');
}

static void from_conf(struct spot_work *w, const char *key, const char *name, unsigned line, const char *value)
{
	writer_format(&w->yaml, "# %s:%u %s\n", "spot.conf", line, name);
	spot_put(w, key, value);
}

/* ---- hosts ---- */

static bool is_port(const char *text)
{
	int64_t port;
	struct err ignored;
	return str_number(text, 1, 65535, &port, &ignored) == RC_OK;
}

/* "name" or "name:port", len bytes of it. */
static bool is_host(const char *text, size_t len)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	char *host = mem_text_n(text, len);
	size_t name = strspn(host, chars);
	bool good = name > 0 && (host[name] == '\0' || (host[name] == ':' && is_port(host + name + 1)));
	mem_free(&host);
	return good;
}

/* "a, b:1" as "a:PORT,b:1". false: not a list of hosts. */
static bool hosts(const char *text, const char *port, char out[SPOT_TEXT])
{
	size_t used = 0, count = 0;
	for (const char *p = text;; count++) {
		p += strspn(p, " ,;");
		size_t len = strcspn(p, " ,;");
		if (len == 0)
			break;
		bool bare = memchr(p, ':', len) == NULL;
		if (!is_host(p, len) || used + len + 8 >= SPOT_TEXT)
			return false;
		used += (size_t)snprintf(out + used, SPOT_TEXT - used, "%s%.*s%s%s", count > 0 ? "," : "", (int)len, p,
		    bare ? ":" : "", bare ? port : "");
		p += len;
	}
	return count > 0;
}

/* ---- the lake ---- */

/* Tables lie below HUSER, originals below hdfs_app_path; they are one folder unless somebody moved them apart. */
static void lake_folder(struct spot_work *w, char out[SPOT_TEXT])
{
	char app[SPOT_TEXT];
	unsigned user_line, app_line = ingest_text(w, NULL, "hdfs_app_path", app);
	const char *user = spot_conf_text(w, "HUSER", &user_line);
	for (size_t len = strlen(app); len > 1 && app[len - 1] == '/'; len--)
		app[len - 1] = '\0';
	bool app_good = app[0] == '/' && app[1] != '\0', user_good = user != NULL && user[0] == '/' && user[1] != '\0';
	snprintf(out, SPOT_TEXT, "%s", user_good ? user : app_good ? app : "/user/spot");
	for (size_t len = strlen(out); len > 1 && out[len - 1] == '/'; len--)
		out[len - 1] = '\0';
	if (app_good && user_good && strcmp(app, out) != 0)
		spot_note(w->notes, SPOT_SHOULD, w->p->ingest.name, app_line, "hdfs_app_path",
		    "%s is another folder than HUSER, %s, where the tables lie: the lake is the latter; originals "
		    "that Spot archived stay where they are",
		    app, out);
	else if (!app_good && !user_good && w->p->lake == NULL)
		spot_note(w->notes, SPOT_MUST, w->p->ingest.name, app_line, "hdfs_app_path",
		    "\"%s\" is no absolute path: lake: has /user/spot in its place", app);
	else if (!app_good && w->p->lake == NULL)
		spot_note(w->notes, SPOT_SHOULD, w->p->ingest.name, app_line, "hdfs_app_path",
		    "\"%s\" is no absolute path: HUSER is taken", app);
}

static void put_lake(struct spot_work *w)
{
	char folder[SPOT_TEXT], nodes[SPOT_TEXT];
	unsigned line, port_line;
	const char *node = spot_conf_text(w, "NAME_NODE", &line), *port = spot_conf_text(w, "WEB_PORT", &port_line);
	bool tls = w->tls;
	lake_folder(w, folder);
	if (w->p->lake != NULL) {
		writer_text(&w->yaml, "# --lake\n");
		spot_put(w, "lake", w->p->lake);
		return;
	}
	if (node != NULL && (str_starts(node, "http://") || str_starts(node, "https://"))) {
		tls = node[4] == 's';
		node += tls ? 8 : 7;
	}
	if (port != NULL && !is_port(port)) {
		spot_note(w->notes, SPOT_SHOULD, w->p->conf.name, port_line, "WEB_PORT", "\"%s\" is no port", port);
		port = NULL;
	}
	port = port != NULL ? port : tls ? "9871" : "9870";
	if (node == NULL || !hosts(node, port, nodes)) {
		if (w->p->conf.name == NULL)
			spot_note(w->notes, SPOT_MUST, w->p->ingest.name, 0, "",
			    "the name node stands in spot.conf, which was not given: lake: has " STAND_IN);
		else
			spot_note(w->notes, SPOT_MUST, w->p->conf.name, line, "NAME_NODE",
			    "names no name node: lake: has " STAND_IN " in its place");
		snprintf(nodes, sizeof nodes, STAND_IN ":%s", port);
	}
	char *url = mem_format("webhdfs%s://%s%s", tls ? "+ssl" : "", nodes, folder);
	if (w->p->conf.name != NULL)
		writer_format(&w->yaml, "# spot.conf:%u NAME_NODE, :%u WEB_PORT, and the folder of the tables\n", line,
		    port_line);
	else
		writer_format(
		    &w->yaml, "# %s:%u hdfs_app_path\n", "ingest_conf.json", spot_line(w, "hdfs_app_path", NULL, NULL));
	spot_put(w, "lake", url);
	mem_free(&url);
}

/* ---- who we are ---- */

static void put_hdfs_security(struct spot_work *w)
{
	unsigned line;
	const char *ca = spot_conf_text(w, "CA_LOCATION", &line);
	if (w->tls && ca != NULL)
		from_conf(w, "webhdfs.ca_file", "CA_LOCATION", line, ca);
	if (!w->kerberos)
		return;
	const char *keytab = spot_conf_text(w, "KEYTAB", &line);
	unsigned on;
	(void)spot_conf_text(w, "KERBEROS", &on);
	from_conf(w, "webhdfs.auth", "KERBEROS", on, "spnego");
	spot_note(w->notes, SPOT_SHOULD, w->p->conf.name, line, "KEYTAB",
	    "start sluice with KRB5_CLIENT_KTNAME=%s in its environment: tickets for HDFS are got from it",
	    keytab != NULL ? keytab : "FILE");
}

/* ---- the bus ---- */

/* One that librdkafka refuses would refuse the whole configuration. */
static void put_property(
    struct spot_work *w, bool *any, const char *name, unsigned line, const char *key, const char *value)
{
	const struct bus_ops *ops = NULL;
	const struct bus_option option = {key, value};
	const char *place = NULL;
	struct err e;
	enum rc rc = provider_bus("kafka://-", &ops, &place, &e);
	if (rc == RC_OK)
		rc = bus_check(ops, place, &option, 1, &e);
	if (rc != RC_OK) {
		spot_note(w->notes, SPOT_SHOULD, w->p->conf.name, line, name, "%s", e.text);
		return;
	}
	if (!*any)
		writer_text(&w->yaml, "kafka:\n");
	*any = true;
	writer_format(&w->yaml, "  # spot.conf:%u %s\n  ", line, name);
	spot_put(w, key, value);
}

static void put_kafka_security(struct spot_work *w)
{
	static const struct {
		const char *name, *key;
		bool tls;
	} row[] = {{"SASL_MECH", "sasl.mechanism", false}, {"PRINCIPAL", "sasl.kerberos.principal", false},
	    {"KEYTAB", "sasl.kerberos.keytab", false}, {"KAFKA_SERVICE_NAME", "sasl.kerberos.service.name", false},
	    {"CA_LOCATION", "ssl.ca.location", true}, {"CERT", "ssl.certificate.location", true},
	    {"KEY", "ssl.key.location", true}};
	bool any = false;
	unsigned line;
	const char *value = spot_conf_text(w, "SECURITY_PROTO", &line);
	if (w->kerberos && value != NULL) {
		put_property(w, &any, "SECURITY_PROTO", line, "security.protocol", value);
	} else if (w->tls) {
		(void)spot_conf_text(w, "SSL", &line);
		put_property(w, &any, "SSL", line, "security.protocol", "ssl");
		spot_note(w->notes, SPOT_SHOULD, w->p->conf.name, line, "SSL",
		    "Spot named its certificates to Kafka and spoke without TLS all the same: kafka_port must be that "
		    "of a listener with TLS, or security.protocol plaintext");
	}
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		value = spot_conf_text(w, row[i].name, &line);
		if (value != NULL && (row[i].tls ? w->tls : w->kerberos))
			put_property(w, &any, row[i].name, line, row[i].key, value);
	}
	value = spot_conf_text(w, "SSL_VERIFY", &line);
	if (w->tls && value != NULL && !spot_true(value))
		spot_note(w->notes, SPOT_SHOULD, w->p->conf.name, line, "SSL_VERIFY",
		    "certificates are always verified; CA_LOCATION names who is trusted");
}

static void put_bus(struct spot_work *w)
{
	char server[SPOT_TEXT], port[SPOT_TEXT], brokers[SPOT_TEXT];
	unsigned line = ingest_text(w, "kafka", "kafka_server", server);
	unsigned port_line = ingest_text(w, "kafka", "kafka_port", port);
	if (!is_port(port)) {
		if (server[0] != '\0' && strchr(server, ' ') == NULL)
			spot_note(w->notes, SPOT_SHOULD, w->p->ingest.name, port_line, "kafka.kafka_port",
			    "\"%s\" is no port: 9092 is taken", port);
		snprintf(port, sizeof port, "9092");
	}
	if (!hosts(server, port, brokers) || strchr(server, ' ') != NULL) {
		spot_note(w->notes, SPOT_SHOULD, w->p->ingest.name, line, "kafka.kafka_server",
		    "\"%s\" names no broker: the bus is the embedded one, which serves one machine; bus: "
		    "kafka://HOST:9092 for many",
		    server);
		return;
	}
	char *url = mem_format("kafka://%s", brokers);
	writer_format(&w->yaml, "# ingest_conf.json:%u kafka.kafka_server, :%u kafka.kafka_port\n", line, port_line);
	spot_put(w, "bus", url);
	put_kafka_security(w);
	mem_free(&url);
}

/* ---- the catalog ---- */

static void put_catalog(struct spot_work *w)
{
	char db[SPOT_TEXT];
	unsigned other_line, line = ingest_text(w, NULL, "dbname", db);
	const char *other = spot_conf_text(w, "DBNAME", &other_line);
	bool good =
	    db[0] != '\0' && db[strspn(db, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == '\0';
	if (!good)
		spot_note(
		    w->notes, SPOT_SHOULD, w->p->ingest.name, line, "dbname", "\"%s\" is no name of a database", db);
	else if (other != NULL && strcmp(db, other) != 0)
		spot_note(w->notes, SPOT_SHOULD, w->p->conf.name, other_line, "DBNAME",
		    "Spot's scripts made the tables in \"%s\", its workers wrote to those of \"%s\", which is taken",
		    other, db);
	const char *name = good ? db : other != NULL ? other : "spot";
	if (w->p->metastore == NULL) {
		spot_note(w->notes, SPOT_SHOULD, w->p->ingest.name, line, "dbname",
		    "no file of Spot's names the metastore, so nobody is told of partitions: catalog: "
		    "thrift://HOST:9083/%s, or import again with --metastore HOST",
		    name);
		return;
	}
	char *url = mem_format("thrift://%s/%s", w->p->metastore, name);
	writer_format(&w->yaml, "# --metastore, ingest_conf.json:%u dbname\n", line);
	spot_put(w, "catalog", url);
	mem_free(&url);
	if (w->p->location != NULL)
		spot_put(w, "catalog.location", w->p->location);
	else
		spot_note(w->notes, SPOT_SHOULD, w->p->ingest.name, line, "dbname",
		    "Spot's tables have a location of their own: what \"describe formatted %s.flow\" shows before "
		    "/flow/hive belongs into catalog.location, or --location",
		    name);
	if (w->kerberos)
		spot_note(w->notes, SPOT_SHOULD, w->p->conf.name, 0, "KERBEROS",
		    "a metastore that asks for Kerberos cannot be told: sluice has no SASL for it (doc/catalog.md)");
}

static void note_engine(struct spot_work *w)
{
	unsigned line;
	const char *engine = spot_conf_text(w, "DBENGINE", &line);
	if (engine != NULL && strcasecmp(engine, "impala") == 0)
		spot_note(w->notes, SPOT_SHOULD, w->p->conf.name, line, "DBENGINE",
		    "Impala keeps lists of files: REFRESH a table, or let it follow the metastore's events "
		    "(doc/catalog.md)");
}

/* ---- what nobody asked for ---- */

static void sweep_value(struct spot_work *w, const char *known, const char *shown, const json_t *value, unsigned line)
{
	char text[SPOT_TEXT];
	const struct spot_key *k = spot_key_ingest(known);
	bool scalar = spot_scalar(value, text);
	if (k == NULL)
		spot_note(
		    w->notes, SPOT_SHOULD, w->p->ingest.name, line, shown, "is no key of Spot's that is known here");
	else if (k->why != NULL && scalar && text[0] != '\0')
		spot_note(w->notes, SPOT_LEFT, w->p->ingest.name, line, shown, "\"%.200s\": %s", text, k->why);
	else if (k->why != NULL && !scalar && !json_is_null(value))
		spot_note(w->notes, SPOT_LEFT, w->p->ingest.name, line, shown, "%s", k->why);
}

static void sweep_pipeline(struct spot_work *w, const char *name, json_t *pipeline)
{
	const char *key;
	json_t *value;
	json_object_foreach(pipeline, key, value)
	{
		char *known = mem_format("pipelines.-.%s", key), *shown = mem_format("pipelines.%s.%s", name, key);
		sweep_value(w, known, shown, value, spot_line(w, "pipelines", name, key));
		mem_free(&known);
		mem_free(&shown);
	}
}

static void sweep_section(struct spot_work *w, const char *section, json_t *object)
{
	const char *key;
	json_t *value;
	bool pipelines = strcmp(section, "pipelines") == 0;
	json_object_foreach(object, key, value)
	{
		char *name = mem_format("%s.%s", section, key);
		if (pipelines)
			sweep_pipeline(w, key, value);
		else
			sweep_value(w, name, name, value, spot_line(w, section, key, NULL));
		mem_free(&name);
	}
}

static void sweep(struct spot_work *w)
{
	const char *key;
	json_t *value;
	json_object_foreach(w->root, key, value)
	{
		bool section =
		    strcmp(key, "kafka") == 0 || strcmp(key, "pipelines") == 0 || strcmp(key, "spark-streaming") == 0;
		sweep_value(w, key, key, value, spot_line(w, key, NULL, NULL));
		if (section && json_is_object(value))
			sweep_section(w, key, value);
		else if (section)
			spot_note(w->notes, SPOT_SHOULD, w->p->ingest.name, spot_line(w, key, NULL, NULL), key,
			    "is no object: nothing of it was read");
	}
	for (size_t i = 0; i < w->conf.count; i++) {
		const struct spot_setting *s = &w->conf.at[i];
		const struct spot_key *k = spot_key_conf(s->name);
		if (k == NULL)
			spot_note(w->notes, SPOT_SHOULD, w->p->conf.name, s->line, s->name,
			    "is no key of Spot's that is known here");
		else if (k->why != NULL && s->value[0] != '\0')
			spot_note(
			    w->notes, SPOT_LEFT, w->p->conf.name, s->line, s->name, "\"%.200s\": %s", s->value, k->why);
	}
}

/* ---- all of it ---- */

static void see_odd(void *context, unsigned line, const char *why)
{
	struct spot_work *w = context;
	spot_note(w->notes, SPOT_SHOULD, w->p->conf.name, line, "", "%s", why);
}

static enum rc read_files(struct spot_work *w, struct err *e)
{
	const struct spot_params *p = w->p;
	unsigned line;
	enum rc rc = json_parse(p->ingest.text, p->ingest.size, &w->root, e);
	if (rc != RC_OK)
		return err_wrap(RC_BAD, e, "%s", p->ingest.name);
	if (!json_is_object(w->root))
		return err_set(RC_BAD, e, "%s:1: an object is wanted, with \"pipelines\" in it", p->ingest.name);
	if (p->conf.name != NULL &&
	    (rc = spot_conf_read(p->conf.name, p->conf.text, p->conf.size, &w->conf, see_odd, w, e)) != RC_OK)
		return rc;
	w->kerberos = spot_true(spot_conf_text(w, "KERBEROS", &line));
	w->tls = spot_true(spot_conf_text(w, "SSL", &line));
	return RC_OK;
}

static enum rc put_all(struct spot_work *w, struct err *e)
{
	put_lake(w);
	put_hdfs_security(w);
	writer_text(&w->yaml, "# Spot had no ledger: this folder is sluice's own, on a local disk\n"
	                      "state: /var/lib/sluice/state\n"
	                      "# what Spot put into the tables stays there and is no damage (doc/spot.md)\n"
	                      "foreign: keep\n");
	put_bus(w);
	put_catalog(w);
	note_engine(w);
	writer_text(&w->yaml, "pipelines:\n");
	enum rc rc = spot_pipelines(w, e);
	sweep(w);
	return rc;
}

/* What comes out is what the parser takes, or an error. */
static enum rc check(const struct writer *yaml, struct err *e)
{
	struct config *c = NULL;
	if (yaml->failed)
		return err_set(RC_BAD, e, "the configuration would be larger than %d bytes", SPOT_YAML);
	enum rc rc = config_parse("(what came out)", (const char *)yaml->bytes, yaml->len, &c, e);
	config_free(&c);
	return rc == RC_OK ? RC_OK : RC_BAD;
}

enum rc spot_import(const struct spot_params *p, struct spot_result *out, struct err *e)
{
	struct spot_work w = {.p = p, .notes = &out->notes};
	*out = (struct spot_result){.notes = {0}};
	writer_init(&out->yaml, SPOT_YAML);
	writer_init(&w.yaml, SPOT_YAML);
	enum rc rc = read_files(&w, e);
	if (rc == RC_OK)
		rc = put_all(&w, e);
	spot_notes_sort(&out->notes, p->ingest.name);
	if (rc == RC_OK) {
		writer_text(&out->yaml, "# Made by sluice import-spot from a configuration of Apache Spot. doc/spot.md "
		                        "says how to go over.\n");
		spot_notes_write(&out->notes, &out->yaml);
		writer_u8(&out->yaml, '\n');
		writer_put(&out->yaml, w.yaml.bytes, w.yaml.len);
		out->yaml.failed |= w.yaml.failed;
		rc = check(&out->yaml, e);
	}
	writer_fini(&w.yaml);
	spot_conf_fini(&w.conf);
	json_decref(w.root);
	return rc;
}

void spot_result_fini(struct spot_result *r)
{
	writer_fini(&r->yaml);
	spot_notes_fini(&r->notes);
}
