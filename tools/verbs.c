/* SPDX-License-Identifier: MIT
 *
 * The table of verbs.
 */
#include "tools/verb.h"

#include <string.h>

#define PLACE  OPTION_DATA, OPTION_CONNECT
#define ASKING PLACE, OPTION_TIMEOUT, OPTION_MODULE
#define OF_RUN OPTION_NAMESPACE, ASKING

const struct verb verbs[] = {
        {
            .name = "dev",
            .purpose = "a server on a local data directory, for this machine only",
            .options = { OPTION_DATA, OPTION_MODULE, OPTION_LISTEN, OPTION_EXECUTORS, OPTION_SHARDS,
                         OPTION_LEVEL, OPTION_STACK_SIZE, OPTION_DISK_RESERVE, OPTION_RETENTION,
                         OPTION_HISTORY_TRANSITIONS, OPTION_HISTORY_BYTES, OPTION_LOG },
            .more = "Makes the directory if it is missing, is ready at once, and says what to type next.\n"
                    "Ctrl-C ends it; every run stands where it stood and goes on with the next start.",
            .examples = { "dev", "dev --module ./orders.so --data ./orders-data" },
            .run = verb_dev,
        },
        {
            .name = "serve",
            .purpose = "a server, to be run by a service manager",
            .options = { OPTION_DATA, OPTION_MODULE, OPTION_LISTEN, OPTION_EXECUTORS, OPTION_SHARDS,
                         OPTION_LEVEL, OPTION_LEASE, OPTION_STACK_SIZE, OPTION_DISK_RESERVE, OPTION_RETENTION,
                         OPTION_HISTORY_TRANSITIONS, OPTION_HISTORY_BYTES, OPTION_LOG },
            .more = "SIGTERM ends it in order within 10 s; a second one ends it at once. Nothing "
                    "acknowledged is lost\n"
                    "either way.",
            .examples = { "serve --data /var/lib/stet --listen tcp://127.0.0.1:7233 --shards 2" },
            .run = verb_serve,
        },
        {
            .name = "work",
            .purpose = "an executor: runs activities for a server",
            .options = { PLACE, OPTION_MODULE, OPTION_SLOTS, OPTION_NAME, OPTION_QUEUE, OPTION_LOG },
            .more = "It outlives restarts of the server: it reconnects, claims what it is running and "
                    "finishes it.\n"
                    "SIGTERM lets it finish what it is in, up to 10 s; a second one ends it at once.",
            .examples = { "work --connect tcp://127.0.0.1:7233 --module ./orders.so --slots 8" },
            .run = verb_work,
        },
        {
            .name = "start",
            .purpose = "start a run of a workflow",
            .arguments = { "NAME" },
            .options = { OPTION_INPUT, OPTION_ID, OPTION_WAIT, OPTION_WAIT_TIMEOUT, OPTION_REQUEST_ID,
                         OPTION_ON_CONFLICT, OPTION_ON_REUSE, OPTION_ATTRIBUTE, OPTION_NAMESPACE, PLACE,
                         OPTION_MODULE },
            .more =
                "Prints the run id and the workflow id when the start is on disk; with --wait the result.\n"
                "Without a server the run goes on as long as this command waits, and with the next server.",
            .examples = { "start order --input '{\"item\": \"lamp\"}' --id order-1",
                          "start order --input @order.json --wait --timeout 30s" },
            .run = verb_start,
        },
        {
            .name = "list",
            .purpose = "list runs, the newest first",
            .options = { OPTION_STATE, OPTION_WORKFLOW, OPTION_ATTRIBUTE, OPTION_PARENT, OPTION_OF_QUEUE,
                         OPTION_STARTED_AFTER, OPTION_STARTED_BEFORE, OPTION_ENDED_AFTER, OPTION_ENDED_BEFORE,
                         OPTION_LIMIT, OPTION_BEFORE, OF_RUN },
            .more =
                "Runs that fit all that is given. A TIME is how long ago it is, 90s or 7d, or when it was in "
                "UTC:\n2026-11-22T10:00:00Z, or 2026-11-22, when that day begins.",
            .examples = { "list --state blocked -o json", "list --attribute city=Ulm --ended-after 1h",
                          "list --queue emails --started-before 2h" },
            .run = verb_list,
        },
        {
            .name = "show",
            .purpose = "show a run and what it is blocked on",
            .arguments = { "RUN" },
            .options = { OF_RUN },
            .more =
                "RUN is a workflow id (its latest run), a run id, or a file that export wrote: FILE.stet.",
            .examples = { "show order-1", "show order-1.stet" },
            .run = verb_show,
        },
        {
            .name = "history",
            .purpose = "print a run's events and effects as a timeline",
            .arguments = { "RUN" },
            .options = { OPTION_FROM, OPTION_TRANSITIONS, OF_RUN },
            .more = "Times are relative to the start. RUN may be a file that export wrote: FILE.stet.",
            .examples = { "history order-1", "history order-1 --from 100 --limit 20",
                          "history order-1.stet" },
            .run = verb_history,
        },
        {
            .name = "export",
            .purpose = "write a run with all its history into one file",
            .arguments = { "RUN" },
            .options = { OPTION_FILE, OPTION_FORCE, OF_RUN },
            .more = "show and history read the file on any machine, without a server or a data directory.\n"
                    "It has the run's inputs, results and signals in it: mind who may see them.",
            .examples = { "export order-1 -o order-1.stet" },
            .run = verb_export,
        },
        {
            .name = "signal",
            .purpose = "send a signal to a run",
            .arguments = { "RUN", "NAME" },
            .options = { OPTION_INPUT, OPTION_REQUEST_ID, OF_RUN },
            .examples = { "signal order-1 shipped --input '{\"parcel\": 7}'" },
            .run = verb_signal,
        },
        {
            .name = "cancel",
            .purpose = "ask a run to cancel; its code may clean up",
            .arguments = { "RUN" },
            .options = { OPTION_REASON, OPTION_REQUEST_ID, OF_RUN },
            .examples = { "cancel order-1 --reason 'the customer changed her mind'" },
            .run = verb_cancel,
        },
        {
            .name = "terminate",
            .purpose = "end a run at once; its code is not asked",
            .arguments = { "RUN" },
            .options = { OPTION_REASON, OPTION_REQUEST_ID, OF_RUN },
            .examples = { "terminate order-1 --reason 'started by mistake'" },
            .run = verb_terminate,
        },
        {
            .name = "delete",
            .purpose = "remove runs that have ended, for good",
            .arguments = { "[RUN]" },
            .options = { OPTION_STATE, OPTION_WORKFLOW, OPTION_ENDED_BEFORE, OPTION_DRY_RUN, OPTION_YES,
                         OF_RUN },
            .more =
                "One run, or without RUN all that fit the filter; --dry-run shows which those are.\n"
                "A run that is open is not removed: cancel or terminate it first.\n"
                "A TIME is how long ago it is, 90s or 7d, or when it was in UTC: 2026-11-22T10:00:00Z, or\n"
                "2026-11-22, when that day begins.",
            .examples = { "delete order-1", "delete --state completed --ended-before 7d --dry-run",
                          "delete --state failed --workflow order --yes" },
            .run = verb_delete,
        },
        {
            .name = "query",
            .purpose = "ask a run's code a question; nothing is written",
            .arguments = { "RUN", "NAME" },
            .options = { OPTION_INPUT, OF_RUN },
            .examples = { "query order-1 progress" },
            .run = verb_query,
        },
        {
            .name = "stats",
            .purpose = "print a node's counters, or how far it has recovered",
            .options = { ASKING },
            .examples = { "stats -o json" },
            .run = verb_stats,
        },
        {
            .name = "executors",
            .purpose = "list executors and queues",
            .options = { ASKING },
            .examples = { "executors" },
            .run = verb_executors,
        },
        {
            .name = "verify",
            .purpose = "check everything in a data directory or a backup",
            .arguments = { "[DIR]" },
            .options = { OPTION_DATA },
            .more = "Changes nothing, also while a server has the directory open. Exit code 1 when damage is "
                    "found.",
            .examples = { "verify ./stet-data" },
            .run = verb_verify,
        },
        {
            .name = "backup",
            .purpose = "copy a data directory, also while it is in use",
            .arguments = { "BACKUP" },
            .options = { OPTION_DATA },
            .more = "The copy is what the directory was at one moment, and synced when the command ends.\n"
                    "BACKUP must be missing or empty; 'restore' makes a data directory of it again.",
            .examples = { "backup /backups/monday --data /var/lib/stet" },
            .run = verb_backup,
        },
        {
            .name = "restore",
            .purpose = "make a data directory of a backup",
            .arguments = { "BACKUP" },
            .options = { OPTION_DATA },
            .more =
                "Everything in the backup is checked first. The data directory must be missing or empty.\n"
                "What executors of the old directory still have is refused by the new one.",
            .examples = { "restore /backups/monday --data /var/lib/stet" },
            .run = verb_restore,
        },
        {
            .name = "recover",
            .purpose = "save what can be saved of a damaged data directory into a new one",
            .arguments = { "DAMAGED", "DIR" },
            .options = { OPTION_NONE },
            .more =
                "Every run whose history is whole is in DIR afterwards; the others are listed, and the exit\n"
                "code is 1. DAMAGED stays as it is. A backup is better: this is for when there is none.",
            .examples = { "recover ./stet-data ./stet-data-recovered" },
            .run = verb_recover,
        },
        {
            .name = "bench",
            .purpose = "measure workloads on this machine",
            .examples = { "bench chain3" },
        },
        {
            .name = "help",
            .purpose = "explain a verb, or the exit codes",
            .arguments = { "[VERB]" },
            .examples = { "help start", "help exit-codes" },
            .run = verb_help,
        },
        {
            .name = "version",
            .purpose = "print the version",
            .examples = { "version" },
            .run = verb_version,
        },
        { .name = NULL },
};

const struct verb *verb_find(const char *name)
{
        for (const struct verb *verb = verbs; verb->name; verb++)
                if (strcmp(verb->name, name) == 0)
                        return verb;
        return NULL;
}
