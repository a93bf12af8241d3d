/* SPDX-License-Identifier: MIT */
#include "runtime/executor_config_os.h"

#include "base/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Options of a program that was built with a shorter struct: the fields it does not know are left out. */
static int take_options(const stet_executor_options *given, stet_executor_options *ret, stet_why *why)
{
        if (!given || given->struct_size < sizeof given->struct_size)
                return stet_why_set(why, STET_EINVAL,
                                    "an executor needs options that begin as STET_EXECUTOR_OPTIONS");
        *ret = (stet_executor_options){ 0 };
        memcpy(ret, given, given->struct_size < sizeof *ret ? given->struct_size : sizeof *ret);
        return 0;
}

static int check_app(const stet_app *app, stet_why *why)
{
        if (!app)
                return stet_why_set(why, STET_EINVAL, "an executor needs an app with activities");
        if (app->err)
                return stet_why_set(why, app->err, "app \"%s\": %s", app->name, app->why.text);
        if (stet_app_activities_count(app) == 0)
                return stet_why_set(why, STET_EINVAL, "app \"%s\" has no activity to run", app->name);
        return 0;
}

static int check_names(const stet_executor_options *o, stet_why *why)
{
        if (o->name && !name_valid(bytes_str(o->name), NAME_SIZE_MAX))
                return stet_why_set(
                    why, STET_EINVAL,
                    "the executor's name takes 1 to %d bytes of UTF-8 without control characters",
                    NAME_SIZE_MAX);
        for (size_t i = 0; o->queues && o->queues[i]; i++)
                if (!name_valid(bytes_str(o->queues[i]), NAME_SIZE_MAX))
                        return stet_why_set(why, STET_EINVAL,
                                            "queue number %zu: a name takes 1 to %d bytes of UTF-8 without "
                                            "control characters",
                                            i + 1, NAME_SIZE_MAX);
        return 0;
}

static int check(const stet_executor_options *o, stet_why *why)
{
        int err = check_app(o->app, why);
        if (!err)
                err = check_names(o, why);
        if (err)
                return err;
        if (!o->endpoint || !*o->endpoint)
                return stet_why_set(why, STET_EINVAL, "an executor needs the endpoint of a node");
        if (o->slots > EXECUTOR_SLOTS_MAX)
                return stet_why_set(why, STET_EINVAL,
                                    "%u slots: an executor has at most %d; start another one beside it",
                                    o->slots, EXECUTOR_SLOTS_MAX);
        return 0;
}

static char *copy_text(const char *text)
{
        return xmemdup(text, strlen(text));
}

static char *own_name(void)
{
        char host[128] = "", name[160];
        if (gethostname(host, sizeof host - 1) != 0 || !name_valid(bytes_str(host), sizeof host))
                memcpy(host, "host", sizeof "host");
        snprintf(name, sizeof name, "%s-%ld", host, (long)getpid());
        return copy_text(name);
}

static void copy_lists(struct executor_config *c, const stet_executor_options *o)
{
        size_t activities = stet_app_activities_count(o->app);
        c->activities = xcalloc(activities, sizeof *c->activities);
        for (size_t i = 0; i < activities; i++)
                c->activities[i] = stet_app_activity_name(o->app, i);
        while (o->queues && o->queues[c->queues_count])
                c->queues_count++;
        c->queues = xcalloc(c->queues_count + 1, sizeof *c->queues);
        for (size_t i = 0; i < c->queues_count; i++)
                c->queues[i] = copy_text(o->queues[i]);
}

int executor_config_init(struct executor_config *c, const stet_executor_options *options, stet_why *why)
{
        stet_executor_options o;
        int err = take_options(options, &o, why);
        if (!err)
                err = check(&o, why);
        if (err)
                return err;
        *c = (struct executor_config){
                .app = o.app, .slots = o.slots ? o.slots : 1, .log = o.log, .log_context = o.log_context
        };
        c->endpoint = copy_text(o.endpoint);
        c->name = o.name ? copy_text(o.name) : own_name();
        copy_lists(c, &o);
        return 0;
}

void executor_config_fini(struct executor_config *c)
{
        for (size_t i = 0; i < c->queues_count; i++)
                free(c->queues[i]);
        free(c->queues);
        free(c->activities);
        free(c->name);
        free(c->endpoint);
        *c = (struct executor_config){ 0 };
}

struct worker_options executor_config_worker(const struct executor_config *c)
{
        return (struct worker_options){
                .executor = c->name,
                .activities = c->activities,
                .activities_count = stet_app_activities_count(c->app),
                .queues = (const char *const *)c->queues,
                .queues_count = c->queues_count,
        };
}
