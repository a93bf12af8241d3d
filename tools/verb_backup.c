/* SPDX-License-Identifier: MIT
 *
 * backup, restore and recover: copies of a data directory.
 */
#include "stet/backup.h"
#include "tools/checking.h"
#include "tools/exit_code.h"
#include "tools/quantity.h"
#include "tools/session.h"
#include "tools/terminal.h"
#include "tools/text.h"
#include "tools/verb.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void tell(void *context, const char *doing, uint64_t done, uint64_t of)
{
        (void)context;
        if (of)
                terminal_progress("%" PRIu64 " of %" PRIu64 " %s", done, of, doing);
        else
                terminal_progress("%" PRIu64 " %s", done, doing);
}

static const stet_backup_progress progress = { tell, NULL };

static const char *advice(int err)
{
        switch (err) {
        case STET_EEXISTS:
                return "Name a directory that is missing or empty.";
        case STET_EBUSY:
                return "Nothing is left of it but an empty directory. Try again in a moment.";
        case STET_EFULL:
                return "What was copied is not a whole copy; remove it, make room, and try again.";
        default:
                return NULL;
        }
}

/* What is not found is a directory, and no run. */
static int fail(const struct command *c, int err, const stet_why *why)
{
        return command_fail(c, err == STET_ENOTFOUND ? STET_EFORMAT : err, why, advice(err));
}

static int print_report(const struct command *c, const char *done, const char *from, const char *to,
                        const stet_backup_report *report)
{
        if (c->json) {
                stet_value v = { 0 };
                int err = stet_value_pack(&v, "{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "from", from, "to", to,
                                          "incarnation", report->incarnation, "made_ms", report->made_ms,
                                          "shards", (int64_t)report->shards, "records",
                                          (int64_t)report->records, "bytes", (int64_t)report->bytes);
                return command_print_packed(c, &v, err);
        }
        char *size = quantity_size_text((int64_t)report->bytes), *name = text_clean(to, strlen(to));
        char *moment = quantity_moment_text(report->made_ms);
        printf("%s: %s as of %s, %" PRIu32 " %s, %s\n", name, done, moment, report->shards,
               report->shards == 1 ? "shard" : "shards", size);
        free(size);
        free(name);
        free(moment);
        return EXIT_OK;
}

int verb_backup(struct command *c)
{
        stet_backup_report report;
        stet_why why = { "" };
        const char *from = session_data_dir(c), *to = c->arguments[0];
        int err = stet_backup(from, to, &progress, &report, &why);
        terminal_progress_end();
        return err ? fail(c, err, &why) : print_report(c, "backed up", from, to, &report);
}

/* Everything in it is read and checked before anything is made of it. */
static int check(const char *backup, stet_why *why)
{
        struct checking k;
        int err = checking_run(&k, backup, why);
        if (!err && k.found_total)
                err = stet_why_set(why, STET_ECORRUPT, "the backup %s is damaged: %s; use another one",
                                   backup, k.found[0].sentence);
        checking_fini(&k);
        return err;
}

int verb_restore(struct command *c)
{
        stet_backup_report report;
        stet_why why = { "" };
        const char *from = c->arguments[0], *to = session_data_dir(c);
        int err = stet_backup_check(from, &progress, &report, &why);
        if (!err)
                err = check(from, &why);
        if (!err)
                err = stet_restore(from, to, &progress, &report, &why);
        terminal_progress_end();
        return err ? fail(c, err, &why) : print_report(c, "restored", from, to, &report);
}

/* --- recover --- */

/* What was lost, as it is told: lines of text at once, or kept for the JSON document. */
struct losses {
        const struct command *c;
        stet_value list;
        uint64_t count;
};

static void lose(void *context, const char *run_id, const char *sentence)
{
        enum { KEPT_MAX = 10000 };
        struct losses *losses = context;
        stet_value item = { 0 };
        if (losses->count++ >= KEPT_MAX)
                return;
        terminal_progress_end();
        if (!losses->c->json)
                printf("%s%s%s\n", *run_id ? "run " : "", run_id, *run_id ? ":" : "");
        if (!losses->c->json)
                printf("        %s\n", sentence);
        else if (stet_value_pack(&item, "{s:s, s:s}", "run_id", run_id, "sentence", sentence) == 0)
                stet_value_append(&losses->list, &item);
        stet_value_free(&item);
}

static int print_recovery(const struct command *c, const stet_recover_report *report,
                          const struct losses *losses)
{
        const char *to = c->arguments[1];
        if (c->json) {
                stet_value v = { 0 };
                int err = stet_value_pack(&v, "{s:s, s:s, s:s, s:I, s:I, s:I, s:v}", "from", c->arguments[0],
                                          "to", to, "incarnation", report->incarnation, "shards",
                                          (int64_t)report->shards, "runs", (int64_t)report->runs, "lost",
                                          (int64_t)report->lost, "losses", &losses->list);
                return command_print_packed(c, &v, err);
        }
        char *name = text_clean(to, strlen(to));
        printf("%s: %" PRIu64 " %s recovered, %" PRIu64 " lost\n", name, report->runs,
               report->runs == 1 ? "run" : "runs", report->lost);
        free(name);
        return EXIT_OK;
}

int verb_recover(struct command *c)
{
        stet_recover_report report;
        stet_why why = { "" };
        struct losses losses = { .c = c };
        stet_value_pack(&losses.list, "[]");
        int err = stet_recover(c->arguments[0], c->arguments[1], lose, &losses, &progress, &report, &why);
        terminal_progress_end();
        int code = err ? fail(c, err, &why) : print_recovery(c, &report, &losses);
        if (code == EXIT_OK && losses.count)
                code = EXIT_FAILED;
        stet_value_free(&losses.list);
        return code;
}
