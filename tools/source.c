/* SPDX-License-Identifier: MIT */
#include "tools/source.h"

#include "tools/exit_code.h"
#include "tools/quantity.h"
#include "tools/text.h"

#include <stdlib.h>
#include <string.h>

bool source_is_file(const char *run)
{
        static const char end[] = ".stet";
        size_t size = strlen(run);
        return size >= sizeof end && strcmp(run + size - (sizeof end - 1), end) == 0;
}

/* What a file needs none of is refused, so that nobody believes that it was used. */
static int refuse_place(const struct command *c, stet_why *why)
{
        static const enum option_id places[] = { OPTION_DATA, OPTION_CONNECT, OPTION_MODULE, OPTION_TIMEOUT };
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
                if (option_given(&c->options, places[i]))
                        return stet_why_set(
                            why, STET_EINVAL,
                            "%s is a file, which --%s has no part in; a run whose workflow id "
                            "ends with .stet is read by its run id",
                            c->arguments[0], option_rows[places[i]].name);
        return 0;
}

static void tell_origin(const struct command *c, const struct source *s)
{
        stet_export_about about;
        stet_export_about_read(s->file, &about);
        char *moment = quantity_moment_text(about.exported_ms);
        command_note(c, "%s has the run as it was exported %s", s->run, moment);
        free(moment);
}

int source_open(const struct command *c, struct source *ret, stet_why *why)
{
        *ret = (struct source){ .run = c->arguments[0] };
        if (!source_is_file(ret->run))
                return session_open(c, SESSION_READ, &ret->session, why);
        int err = refuse_place(c, why);
        if (!err)
                err = stet_export_open(ret->run, &ret->file, why);
        if (!err)
                tell_origin(c, ret);
        return err;
}

void source_close(struct source *s)
{
        session_close(&s->session);
        stet_export_close(s->file);
        s->file = NULL;
}

int source_show(const struct source *s, stet_value *ret, stet_why *why)
{
        return s->file ? stet_export_show(s->file, ret, why)
                       : stet_client_show(s->session.client, s->run, ret, why);
}

int source_history(const struct source *s, uint64_t from, uint32_t limit, stet_value *ret, stet_why *why)
{
        return s->file ? stet_export_history(s->file, from, limit, ret, why)
                       : stet_client_history(s->session.client, s->run, from, limit, ret, why);
}

static const char *file_advice(int err)
{
        switch (err) {
        case STET_ENOTFOUND:
                return "A run whose workflow id ends with .stet is read by its run id.";
        case STET_EFORMAT:
                return "It takes a file that 'export' wrote.";
        case STET_ENEWER:
                return "Use the stet that wrote it, or a newer one.";
        case STET_ECORRUPT:
                return "Export the run again, or take another copy of the file.";
        default:
                return NULL;
        }
}

int source_fail(const struct command *c, int err, const stet_why *why)
{
        if (err == STET_EINVAL)
                return command_fail_usage(c, err, why);
        return command_fail(c, err, why, source_is_file(c->arguments[0]) ? file_advice(err) : NULL);
}
