/* SPDX-License-Identifier: MIT
 *
 * export: a run as one file.
 */
#include "tools/exit_code.h"
#include "tools/quantity.h"
#include "tools/session.h"
#include "tools/source.h"
#include "tools/terminal.h"
#include "tools/text.h"
#include "tools/verb.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void show_progress(void *context, uint64_t records)
{
        (void)context;
        terminal_progress("%" PRIu64 " transitions", records);
}

/* The name must be one by which `show` and `history` will know the file. */
static int check_file(const char *path, stet_why *why)
{
        if (!path)
                return stet_why_set(why, STET_EINVAL, "export needs -o FILE.stet, the file to write");
        if (!source_is_file(path))
                return stet_why_set(why, STET_EINVAL,
                                    "-o %s: the file's name must end with .stet, by which it is known", path);
        return 0;
}

static int print_about(const struct command *c, const char *path, const stet_export_about *about)
{
        if (c->json) {
                stet_value v = { 0 };
                int err = stet_value_pack(&v, "{s:s, s:s, s:s, s:I, s:I, s:I}", "file", path, "run_id",
                                          about->run_id, "incarnation", about->incarnation, "exported_ms",
                                          about->exported_ms, "transitions", (int64_t)about->records, "bytes",
                                          (int64_t)about->bytes);
                return command_print_packed(c, &v, err);
        }
        char *size = quantity_size_text((int64_t)about->bytes), *name = text_clean(path, strlen(path));
        printf("%s: run %s, %" PRIu64 " %s, %s\n", name, about->run_id, about->records,
               about->records == 1 ? "transition" : "transitions", size);
        free(size);
        free(name);
        return EXIT_OK;
}

static const char *advice(int err)
{
        return err == STET_EEXISTS ? "Another name, or --force to replace it." : NULL;
}

int verb_export(struct command *c)
{
        struct session session = { 0 };
        stet_export_about about;
        stet_why why = { "" };
        const char *path = option_text(&c->options, OPTION_FILE);
        int err = check_file(path, &why);
        if (!err && source_is_file(c->arguments[0]))
                err = stet_why_set(&why, STET_EINVAL, "%s is an exported run already", c->arguments[0]);
        if (!err)
                err = session_open(c, SESSION_READ, &session, &why);
        if (!err)
                err = stet_export_write(session.client, c->arguments[0], path,
                                        option_given(&c->options, OPTION_FORCE), show_progress, NULL, &about,
                                        &why);
        terminal_progress_end();
        session_close(&session);
        if (err == STET_EINVAL)
                return command_fail_usage(c, err, &why);
        return err ? command_fail(c, err, &why, advice(err)) : print_about(c, path, &about);
}
