/* SPDX-License-Identifier: MIT
 *
 * verify: checks everything in a data directory, or a backup.
 */
#include "tools/checking.h"
#include "tools/exit_code.h"
#include "tools/session.h"
#include "tools/text.h"
#include "tools/print_table.h"
#include "tools/verb.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- printing --- */

static int print_json(const struct command *c, const struct checking *k)
{
        stet_value v = { 0 }, list = { 0 }, item = { 0 };
        const stet_verify_report *report = &k->report;
        int err = stet_value_pack(&list, "[]");
        for (size_t i = 0; i < k->found_count && !err; i++) {
                const struct found *f = &k->found[i];
                err = stet_value_pack(&item, "{s:I, s:I, s:s, s:s}", "shard", (int64_t)f->shard, "lsn",
                                      (int64_t)f->lsn, "run_id", f->run_id, "sentence", f->sentence);
                if (!err)
                        err = stet_value_append(&list, &item);
        }
        if (!err)
                err = stet_value_pack(&v, "{s:s, s:b, s:I, s:I, s:I, s:I, s:v}", "data_dir", k->dir, "whole",
                                      k->found_total == 0, "shards", (int64_t)report->shards, "runs",
                                      (int64_t)report->runs, "records", (int64_t)report->records, "damaged",
                                      (int64_t)k->found_total, "damages", &list);
        stet_value_free(&item);
        stet_value_free(&list);
        return command_print_packed(c, &v, err);
}

static void print_damages(const struct checking *k)
{
        struct table t;
        table_init(&t, 4);
        for (size_t i = 0; i < k->found_count; i++) {
                const struct found *f = &k->found[i];
                table_add(&t, STYLE_PLAIN, text_format("shard %" PRIu32, f->shard));
                table_add(&t, STYLE_PLAIN,
                          f->lsn ? text_format("lsn %" PRIu64, f->lsn) : text_format("lsn ?"));
                table_add(&t, STYLE_PLAIN,
                          *f->run_id ? text_format("run %s", f->run_id) : text_format("%s", ""));
                table_add(&t, STYLE_PLAIN, text_clean(f->sentence, strlen(f->sentence)));
        }
        table_print(&t, stdout, 0);
        table_fini(&t);
        if (k->found_total > k->found_count)
                printf("and %" PRIu64 " more\n", k->found_total - k->found_count);
}

static int print_report(const struct command *c, const struct checking *k)
{
        const stet_verify_report *report = &k->report;
        if (c->json)
                return print_json(c, k);
        print_damages(k);
        if (k->found_total == 0)
                printf("%s is whole: %" PRIu64 " runs in the stores and %" PRIu64
                       " records in the logs of %" PRIu32 " %s\n",
                       k->dir, report->runs, report->records, report->shards,
                       report->shards == 1 ? "shard" : "shards");
        return EXIT_OK;
}

/* Damage is what verify looks for: exit code 1, not that of a directory that can't be used. */
static int fail_with_damage(const struct command *c, const struct checking *k)
{
        stet_why why;
        stet_why_set(&why, STET_ECORRUPT, "%s is damaged in %" PRIu64 " %s", k->dir, k->found_total,
                     k->found_total == 1 ? "place" : "places");
        command_fail(c, STET_ECORRUPT, &why, "Keep a copy of the directory before you change anything.");
        return EXIT_FAILED;
}

static int fail_to_verify(const struct command *c, int err, const stet_why *why)
{
        return command_fail(c, err == STET_ENOTFOUND ? STET_EFORMAT : err, why, NULL);
}

static int verify(struct command *c, struct checking *k, const char *dir)
{
        stet_why why = { "" };
        int err = checking_run(k, dir, &why);
        if (err)
                return fail_to_verify(c, err, &why);
        int code = print_report(c, k);
        return code == EXIT_OK && k->found_total > 0 ? fail_with_damage(c, k) : code;
}

int verb_verify(struct command *c)
{
        struct checking k;
        stet_why why;
        if (c->arguments[0] && option_given(&c->options, OPTION_DATA)) {
                stet_why_set(&why, STET_EINVAL, "the directory is given twice, as DIR and with --data");
                return command_fail_usage(c, STET_EINVAL, &why);
        }
        int code = verify(c, &k, c->arguments[0] ? c->arguments[0] : session_data_dir(c));
        checking_fini(&k);
        return code;
}
