/* SPDX-License-Identifier: MIT */
#include "tools/options.h"

#include "tools/quantity.h"
#include "tools/text.h"

#include <stdlib.h>
#include <string.h>

/* The order of these words is that of the enums they stand for in stet/node.h, stet/client.h and
 * stet/workflow.h. */
static const char *const level_words[] = { "sync", "relaxed", "memory", NULL };
static const char *const conflict_words[] = { "reject", "use-existing", "terminate-existing", NULL };
static const char *const reuse_words[] = { "allow", "failed-only", "reject", NULL };
const char *const option_log_levels[] = { "debug", "info", "warning", "error", NULL };
static const char *const state_words[] = { "open",       "completed", "failed",  "canceled",
                                           "terminated", "continued", "blocked", NULL };
static const char *const output_words[] = { "text", "json", NULL };

const struct option_row option_rows[OPTIONS_COUNT] = {
        [OPTION_DATA] = { "data", 'd', "DIR", "the data directory, opened by this process",
                          "$STET_DATA, ./stet-data", NULL, false },
        [OPTION_CONNECT] = { "connect", 'c', "ENDPOINT",
                             "talk to the server there: tcp://HOST:PORT or ipc://PATH", "$STET_CONNECT", NULL,
                             false },
        [OPTION_MODULE] = { "module", 'm', "FILE.so", "load workflows and activities from it (repeatable)",
                            NULL, NULL, true },
        [OPTION_NAMESPACE] = { "namespace", 0, "NAME", "the namespace of the runs", "default", NULL, false },
        [OPTION_TIMEOUT] = { "timeout", 't', "DURATION", "the longest wait for the server's answer", "10s",
                             NULL, false },
        [OPTION_LISTEN] = { "listen", 'l', "ENDPOINT", "where to listen, port 0 for any (repeatable)",
                            "tcp://127.0.0.1:7233", NULL, true },
        [OPTION_EXECUTORS] = { "executors", 'x', "N",
                               "activities this process runs at the same time; 0: none", "4", NULL, false },
        [OPTION_SHARDS] = { "shards", 0, "N",
                            "parts with a thread and a log each, fixed when the directory is made",
                            "1, or what it has", NULL, false },
        [OPTION_LEVEL] = { "level", 0, "LEVEL", "what an answer survives: sync, relaxed or memory", "sync",
                           level_words, false },
        [OPTION_LEASE] = { "lease", 0, "DURATION", "an executor silent for so long is lost", "5s", NULL,
                           false },
        [OPTION_STACK_SIZE] = { "stack-size", 0, "SIZE", "the stack of a workflow's code", "64k", NULL,
                                false },
        [OPTION_DISK_RESERVE] = { "disk-reserve", 0, "SIZE",
                                  "while less of the disk is free, no run can start",
                                  "256m or 2 % of the disk", NULL, false },
        [OPTION_RETENTION] = { "retention", 0, "RULES",
                               "how long ended runs are kept: 7d, failed=30d, dev:1h, dev:failed=2d, forever "
                               "(repeatable)",
                               "30d; dev: 24h", NULL, true },
        [OPTION_HISTORY_TRANSITIONS] = { "history-transitions", 0, "N", "a run with so many is blocked",
                                         "500000", NULL, false },
        [OPTION_HISTORY_BYTES] = { "history-bytes", 0, "SIZE", "a run whose history has so many is blocked",
                                   "512m", NULL, false },
        [OPTION_LOG] = { "log", 0, "LEVEL", "log on standard error from: debug, info, warning, error", "info",
                         option_log_levels, false },
        [OPTION_SLOTS] = { "slots", 's', "N", "activities at the same time", "4", NULL, false },
        [OPTION_NAME] = { "name", 'n', "NAME", "the executor's name", "host and process id", NULL, false },
        [OPTION_QUEUE] = { "queue", 'q', "QUEUE", "take activities from this queue (repeatable)", "default",
                           NULL, true },
        [OPTION_INPUT] = { "input", 'i', "JSON|@FILE|-",
                           "a JSON value, @FILE to read one, - for standard input", "null", NULL, false },
        [OPTION_ID] = { "id", 0, "ID", "the workflow id, by which to find the run again", "the run id", NULL,
                        false },
        [OPTION_REQUEST_ID] = { "request-id", 0, "ID", "the same command with the same id is done once",
                                "a random one", NULL, false },
        [OPTION_ON_CONFLICT] = { "on-conflict", 0, "WHAT",
                                 "the id has an open run: reject, use-existing, terminate-existing", "reject",
                                 conflict_words, false },
        [OPTION_ON_REUSE] = { "on-reuse", 0, "WHAT", "the id had runs: allow, failed-only, reject", "allow",
                              reuse_words, false },
        [OPTION_ATTRIBUTE] = { "attribute", 0, "NAME=VALUE",
                               "what is said of a run, so that it can be found (repeatable)", NULL, NULL,
                               true },
        [OPTION_PARENT] = { "parent", 0, "RUN-ID", "only children of this run", "any", NULL, false },
        [OPTION_WAIT] = { "wait", 'w', NULL, "wait for the ending and print the result", NULL, NULL, false },
        [OPTION_WAIT_TIMEOUT] = { "timeout", 't', "DURATION", "the longest --wait", "no limit", NULL, false },
        [OPTION_STATE] = { "state", 0, "STATE",
                           "open, completed, failed, canceled, terminated, continued, blocked", "any",
                           state_words, false },
        [OPTION_WORKFLOW] = { "workflow", 0, "NAME", "only runs of this workflow", "any", NULL, false },
        [OPTION_LIMIT] = { "limit", 0, "N", "at most so many, up to 1000", "100", NULL, false },
        [OPTION_TRANSITIONS] = { "limit", 0, "N", "at most so many transitions", "all", NULL, false },
        [OPTION_BEFORE] = { "before", 0, "RUN-ID", "only runs older than this one: the next page",
                            "from the newest", NULL, false },
        [OPTION_OF_QUEUE] = { "queue", 0, "QUEUE", "only runs with an activity that waits or runs on it",
                              "any", NULL, false },
        [OPTION_STARTED_AFTER] = { "started-after", 0, "TIME", "only runs that started then or later", "any",
                                   NULL, false },
        [OPTION_STARTED_BEFORE] = { "started-before", 0, "TIME", "only runs that started before then", "any",
                                    NULL, false },
        [OPTION_ENDED_AFTER] = { "ended-after", 0, "TIME", "only runs that ended then or later", "any", NULL,
                                 false },
        [OPTION_ENDED_BEFORE] = { "ended-before", 0, "TIME", "only runs that ended before then", "any", NULL,
                                  false },
        [OPTION_DRY_RUN] = { "dry-run", 'n', NULL, "only print how many there are, and which", NULL, NULL,
                             false },
        [OPTION_YES] = { "yes", 'y', NULL, "do not ask", NULL, NULL, false },
        [OPTION_FROM] = { "from", 0, "N", "from this transition on", "0", NULL, false },
        [OPTION_REASON] = { "reason", 'r', "TEXT", "why, for whoever reads the history", NULL, NULL, false },
        [OPTION_FILE] = { "file", 'o', "FILE.stet", "the file to write", NULL, NULL, false },
        [OPTION_FORCE] = { "force", 'f', NULL, "replace what is there", NULL, NULL, false },
        [OPTION_OUTPUT] = { "output", 'o', "text|json", "json: exactly one document on standard output",
                            "text", output_words, false },
        [OPTION_HELP] = { "help", 'h', NULL, "this text", NULL, NULL, false },
};

static size_t count_given(const char *const *given)
{
        size_t count = 0;
        while (given && given[count])
                count++;
        return count;
}

static int word_place(const char *const *words, const char *word)
{
        for (int i = 0; words[i]; i++)
                if (strcmp(words[i], word) == 0)
                        return i;
        return -1;
}

static int refuse_word(const struct option_row *row, const char *value, stet_why *why)
{
        char *near = text_nearest(value, row->words), *list = text_format("%s", row->words[0]);
        for (size_t i = 1; row->words[i]; i++) {
                char *longer = text_format("%s, %s", list, row->words[i]);
                free(list);
                list = longer;
        }
        stet_why_set(why, STET_EINVAL, "--%s does not take '%s'; %s", row->name, value, *near ? near : "");
        if (*near == 0)
                stet_why_set(why, STET_EINVAL, "--%s does not take '%s'; it takes %s", row->name, value,
                             list);
        free(near);
        free(list);
        return STET_EINVAL;
}

bool option_is_word(enum option_id id, const char *word)
{
        return option_rows[id].words && word_place(option_rows[id].words, word) >= 0;
}

int option_add(struct option_values *values, enum option_id id, const char *value, stet_why *why)
{
        const struct option_row *row = &option_rows[id];
        size_t count = count_given(values->given[id]);
        if (count > 0 && !row->repeats && row->argument)
                return stet_why_set(why, STET_EINVAL, "--%s is given twice", row->name);
        if (row->words && word_place(row->words, value) < 0)
                return refuse_word(row, value, why);
        values->given[id] = text_need(realloc(values->given[id], (count + 2) * sizeof(char *)));
        values->given[id][count] = value;
        values->given[id][count + 1] = NULL;
        return 0;
}

void option_values_fini(struct option_values *values)
{
        for (int id = 0; id < OPTIONS_COUNT; id++)
                free(values->given[id]);
        *values = (struct option_values){ 0 };
}

bool option_given(const struct option_values *values, enum option_id id)
{
        return values->given[id] != NULL;
}

const char *option_text(const struct option_values *values, enum option_id id)
{
        return values->given[id] ? values->given[id][0] : NULL;
}

int option_word(const struct option_values *values, enum option_id id)
{
        const struct option_row *row = &option_rows[id];
        const char *value = option_text(values, id);
        return word_place(row->words, value ? value : row->initial);
}

static int name_option(enum option_id id, int err, const stet_why *reason, stet_why *why)
{
        if (err)
                stet_why_set(why, err, "--%s: %s", option_rows[id].name, reason->text);
        return err;
}

int option_count(const struct option_values *values, enum option_id id, uint64_t min, uint64_t max,
                 uint64_t *ret, stet_why *why)
{
        stet_why reason;
        const char *text = option_text(values, id);
        return text ? name_option(id, quantity_count(text, min, max, ret, &reason), &reason, why) : 0;
}

int option_duration(const struct option_values *values, enum option_id id, int64_t *ret_ms, stet_why *why)
{
        stet_why reason;
        const char *text = option_text(values, id);
        return text ? name_option(id, quantity_duration(text, ret_ms, &reason), &reason, why) : 0;
}

int option_moment(const struct option_values *values, enum option_id id, int64_t now_ms, int64_t *ret_ms,
                  stet_why *why)
{
        stet_why reason;
        const char *text = option_text(values, id);
        return text ? name_option(id, quantity_moment(text, now_ms, ret_ms, &reason), &reason, why) : 0;
}

int option_size(const struct option_values *values, enum option_id id, uint64_t *ret, stet_why *why)
{
        stet_why reason;
        const char *text = option_text(values, id);
        return text ? name_option(id, quantity_size(text, ret, &reason), &reason, why) : 0;
}
