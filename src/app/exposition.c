/*
 * Names by Prometheus' conventions: base units, the unit before _total, counters end in _total. A figure without a name
 * here does not compile away silently: the table's length is asserted and the test of /metrics looks for each.
 */
#include "app/exposition.h"

#include <stdio.h>
#include <string.h>

#include "app/readiness.h"
#include "ops/expose.h"

static const char *const figure_name[FIGURE_COUNT] = {
    [FIGURE_FILES_SEEN] = "sluice_files_seen_total",
    [FIGURE_FILES_ARCHIVED] = "sluice_files_archived_total",
    [FIGURE_FILES_PUBLISHED] = "sluice_files_published_total",
    [FIGURE_FILES_COMMITTED] = "sluice_files_committed_total",
    [FIGURE_FILES_DUPLICATE] = "sluice_files_duplicate_total",
    [FIGURE_FILES_SET_ASIDE] = "sluice_files_set_aside_total",
    [FIGURE_FILES_FOREIGN] = "sluice_files_foreign_total",
    [FIGURE_BYTES_ARCHIVED] = "sluice_archived_bytes_total",
    [FIGURE_FILES_WRITTEN] = "sluice_table_files_total",
    [FIGURE_BYTES_WRITTEN] = "sluice_table_bytes_total",
    [FIGURE_WORKER_MEMORY] = "sluice_writer_memory_bytes",
};

static bool is_counter(enum figure f)
{
	return strcmp(figure_info[f].kind, "counter") == 0;
}

/* Most names say it already: "rows_committed" is sluice_rows_committed_total. */
static const char *name_of(enum figure f, char out[80])
{
	if (figure_name[f] != NULL)
		return figure_name[f];
	snprintf(out, 80, "sluice_%s%s", figure_info[f].name, is_counter(f) ? "_total" : "");
	return out;
}

static void put_figures(const struct health *h, struct writer *w)
{
	char text[80];
	for (unsigned f = 0; f < FIGURE_COUNT; f++) {
		const char *name = name_of(f, text);
		expose_family(w, name, figure_info[f].kind, figure_info[f].help);
		for (unsigned i = 0; i < h->processes; i++) {
			const struct health_process *p = &h->process[i];
			const struct expose_label label = {"process", p->name};
			/* What a dead process held is no longer held. */
			if (is_counter(f) || p->alive)
				expose_count(w, name, &label, 1, p->figure[f]);
		}
	}
}

static void put_processes(const struct observed *seen, struct writer *w)
{
	const struct health *h = seen->health;
	static const struct {
		const char *name, *help;
	} family[] = {
	    {"sluice_process_up", "1 while the process lives"},
	    {"sluice_process_memory_bytes", "anonymous and shared memory of the process and of those that dissect for it"},
	    {"sluice_process_start_time_seconds", "when the process began, unix time"},
	};
	for (unsigned k = 0; k < 3; k++) {
		expose_family(w, family[k].name, "gauge", family[k].help);
		for (unsigned i = 0; i < h->processes; i++) {
			const struct health_process *p = &h->process[i];
			const struct expose_label label = {"process", p->name};
			if (k == 0)
				expose_count(w, family[k].name, &label, 1, p->alive);
			else if (k == 1 && p->alive)
				expose_count(w, family[k].name, &label, 1, p->memory);
			else if (k == 2 && p->alive)
				expose_seconds(w, family[k].name, &label, 1, seen->looked_ms - p->up_ms);
		}
	}
}

static void put_pipelines(const struct health *h, struct writer *w)
{
	static const char *const state[LEDGER_STATES] = {"archived", "published", "committed", "refused"};
	expose_family(w, "sluice_originals", "gauge", "originals in the ledger by their state now");
	for (size_t i = 0; i < h->pipelines; i++)
		for (unsigned s = 0; s < LEDGER_STATES; s++) {
			const struct expose_label label[] = {
			    {"pipeline", h->pipeline[i].pipeline->name}, {"state", state[s]}};
			expose_count(w, "sluice_originals", label, 2, h->pipeline[i].counts.original[s]);
		}
	expose_family(w, "sluice_paths", "gauge", "paths that are no originals of their own: double, or set aside");
	for (size_t i = 0; i < h->pipelines; i++) {
		const struct ledger_counts *c = &h->pipeline[i].counts;
		const char *name = h->pipeline[i].pipeline->name;
		const struct expose_label doubled[] = {{"pipeline", name}, {"state", "double"}};
		const struct expose_label aside[] = {{"pipeline", name}, {"state", "aside"}};
		expose_count(w, "sluice_paths", doubled, 2, c->doubles);
		expose_count(w, "sluice_paths", aside, 2, c->aside);
	}
}

static void put_partitions(const struct health *h, struct writer *w)
{
	static const struct {
		const char *name, *help;
	} family[] = {
	    {"sluice_partition_next_offset", "offset that the next event of the partition gets"},
	    {"sluice_partition_committed_offset", "offset before which everything is committed"},
	    {"sluice_partition_lag_events", "events of the partition that no commit holds"},
	    {"sluice_partition_last_commit_timestamp_seconds", "when the newest commit of the partition was made"},
	};
	for (unsigned k = 0; k < 4; k++) {
		expose_family(w, family[k].name, "gauge", family[k].help);
		for (size_t i = 0; i < h->partitions; i++) {
			const struct health_partition *p = &h->partition[i];
			char number[16];
			snprintf(number, sizeof number, "%u", p->partition);
			const struct expose_label label[] = {{"topic", p->topic}, {"partition", number}};
			if (k == 3 && p->has_commit)
				expose_seconds(w, family[k].name, label, 2, p->commit_ms);
			else if (k < 3)
				expose_count(w, family[k].name, label, 2,
				    k == 0   ? p->next
				    : k == 1 ? p->committed
				             : health_lag(p));
		}
	}
}

static void put_one(struct writer *w, const char *name, const char *help, uint64_t value)
{
	expose_family(w, name, "gauge", help);
	expose_count(w, name, NULL, 0, value);
}

static void put_services(const struct observed *seen, struct writer *w)
{
	const struct health *h = seen->health;
	struct readiness ready;
	readiness_of(seen, &ready);
	put_one(w, "sluice_ready", "1 while files become rows: what /readyz says", ready.ready);
	expose_family(w, "sluice_condition", "gauge", "1 while a condition of being ready holds");
	for (unsigned i = 0; i < ready.conditions; i++) {
		const struct expose_label label = {"condition", ready.condition[i].name};
		expose_count(w, "sluice_condition", &label, 1, ready.condition[i].holds);
	}
	expose_family(w, "sluice_last_commit_timestamp_seconds", "gauge", "when the newest commit was made");
	if (h->newest_commit_ms > 0)
		expose_seconds(w, "sluice_last_commit_timestamp_seconds", NULL, 0, h->newest_commit_ms);
	expose_family(w, "sluice_asked_timestamp_seconds", "gauge", "when bus and lake were last asked");
	if (seen->asked_ms > 0)
		expose_seconds(w, "sluice_asked_timestamp_seconds", NULL, 0, seen->asked_ms);
	put_one(w, "sluice_bus_used_bytes", "bytes that the bus keeps, where it says", h->bus_used);
	put_one(w, "sluice_bus_limit_bytes", "most bytes that the bus keeps; 0 not known", h->bus_bound);
	put_one(w, "sluice_ledger_used_bytes", "bytes of the ledger on the disk", h->ledger_used);
	put_one(w, "sluice_ledger_limit_bytes", "most bytes of the ledger", h->ledger_bound);
}

static void put_latency(const struct observe_latency *l, struct writer *w)
{
	static const char name[] = "sluice_file_latency_seconds";
	expose_family(w, name, "gauge",
	    "from a file seen to its rows queryable, of the last 500 files of a quarter of an hour, by share of them");
	if (l->files == 0)
		return;
	expose_seconds(w, name, &(struct expose_label){"share", "0.5"}, 1, l->half_ms);
	expose_seconds(w, name, &(struct expose_label){"share", "0.95"}, 1, l->most_ms);
}

void exposition_write(const struct observed *seen, struct writer *out)
{
	const struct expose_label version[] = {
	    {"version", SLUICE_VERSION}, {"instance_name", seen->config->settings.instance}};
	expose_family(out, "sluice_build_info", "gauge", "the version, and the instance's name");
	expose_count(out, "sluice_build_info", version, 2, 1);
	put_services(seen, out);
	put_latency(&seen->latency, out);
	put_processes(seen, out);
	put_pipelines(seen->health, out);
	put_partitions(seen->health, out);
	put_figures(seen->health, out);
}

/* Families are said whether there is something to count or not: what nothing gives is all of them. */
void exposition_markdown(struct writer *out)
{
	static const struct config config = {.settings = {.instance = ""}};
	static const struct health health;
	const struct observed nothing = {.config = &config, .health = &health};
	struct writer w;
	writer_init(&w, 1 << 20);
	exposition_write(&nothing, &w);
	writer_u8(&w, 0);
	writer_text(out, "| metric | kind | meaning |\n| --- | --- | --- |\n");
	for (char *line = strtok((char *)w.bytes, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		static const char begins[] = "# HELP ";
		if (strncmp(line, begins, sizeof begins - 1) != 0)
			continue;
		char *name = line + sizeof begins - 1, *help = strchr(name, ' ');
		*help++ = '\0';
		const char *type = strtok(NULL, "\n");
		writer_format(out, "| `%s` | %s | %s |\n", name, strrchr(type, ' ') + 1, help);
	}
	writer_fini(&w);
}
