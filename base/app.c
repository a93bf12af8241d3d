/* SPDX-License-Identifier: MIT
 *
 * Names to functions, one table for each kind. A refused registration is kept in the app, so that a main()
 * may register without looking at every return value: whoever serves the app refuses it with that sentence.
 */
#include "base/app.h"

#include "base/buffer.h"
#include "base/map.h"
#include "base/name.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

struct app_entry {
        struct map_node node; /* in its kind's map */
        char *name;
        stet_workflow_fn *workflow; /* one of the two */
        stet_activity_fn *activity;
        void *context;
};

/* The entries of one kind, by name and in the order of registration. */
struct app_kind {
        struct map by_name;
        struct app_entry **entries;
        size_t count;
};

struct stet_app_table {
        struct app_kind workflows;
        struct app_kind activities;
};

static uint64_t name_key(struct bytes name)
{
        return hash_bytes(0, 0, name); /* names from our own code: nobody aims at collisions */
}

static struct app_entry *kind_find(const struct app_kind *kind, struct bytes name)
{
        struct map_node *node = map_find(&kind->by_name, name_key(name));
        for (; node; node = map_find_next(&kind->by_name, node)) {
                struct app_entry *entry = container_of(node, struct app_entry, node);
                if (bytes_equal(bytes_str(entry->name), name))
                        return entry;
        }
        return NULL;
}

static void kind_add(struct app_kind *kind, struct app_entry entry)
{
        struct bytes name = bytes_str(entry.name);
        struct app_entry *added = xmemdup(&entry, sizeof entry);
        added->name = xmemdup(name.data, name.size);
        map_put(&kind->by_name, &added->node, name_key(name));
        kind->entries = xrealloc(kind->entries, (kind->count + 1) * sizeof(struct app_entry *));
        kind->entries[kind->count++] = added;
}

/* Takes back what was registered after the first count entries. */
static void kind_cut(struct app_kind *kind, size_t count)
{
        while (kind->count > count) {
                struct app_entry *entry = kind->entries[--kind->count];
                map_remove(&kind->by_name, &entry->node);
                free(entry->name);
                free(entry);
        }
}

static void kind_fini(struct app_kind *kind)
{
        kind_cut(kind, 0);
        map_fini(&kind->by_name);
        free(kind->entries);
}

/* --- registering --- */

static struct stet_app_table *table_of(stet_app *app)
{
        if (!app->table)
                app->table = xcalloc(1, sizeof *app->table);
        return app->table;
}

static int check_entry(const struct app_kind *kind, const char *word, const struct app_entry *entry,
                       stet_why *why)
{
        struct bytes name = bytes_str(entry->name);
        if (!name_valid(name, NAME_SIZE_MAX))
                return stet_why_set(why, STET_EINVAL,
                                    "%s number %zu has a name of %zu bytes that can't be one: it takes 1 to "
                                    "%d bytes of UTF-8 without control characters",
                                    word, kind->count + 1, name.size, NAME_SIZE_MAX);
        if (!entry->workflow && !entry->activity)
                return stet_why_set(why, STET_EINVAL, "%s \"%s\" has no function", word, entry->name);
        if (kind_find(kind, name))
                return stet_why_set(why, STET_EEXISTS, "%s \"%s\" is registered twice", word, entry->name);
        return 0;
}

static int register_entry(stet_app *app, struct app_kind *kind, const char *word, struct app_entry entry)
{
        stet_why why;
        int err = check_entry(kind, word, &entry, &why);
        if (!err)
                kind_add(kind, entry);
        else if (!app->err)
                app->err = stet_why_set(&app->why, err, "%s", why.text);
        return err;
}

int stet_app_workflow(stet_app *app, const char *name, stet_workflow_fn *fn)
{
        struct app_entry entry = { .name = (char *)(uintptr_t)name, .workflow = fn };
        return register_entry(app, &table_of(app)->workflows, "workflow", entry);
}

int stet_app_activity_context(stet_app *app, const char *name, stet_activity_fn *fn, void *context)
{
        struct app_entry entry = { .name = (char *)(uintptr_t)name, .activity = fn, .context = context };
        return register_entry(app, &table_of(app)->activities, "activity", entry);
}

int stet_app_activity(stet_app *app, const char *name, stet_activity_fn *fn)
{
        return stet_app_activity_context(app, name, fn, NULL);
}

void stet_app_fini(stet_app *app)
{
        if (app->table) {
                kind_fini(&app->table->workflows);
                kind_fini(&app->table->activities);
        }
        free(app->table);
        app->table = NULL;
}

/* --- finding --- */

stet_workflow_fn *app_workflow(const stet_app *app, struct bytes name)
{
        struct app_entry *entry = app->table ? kind_find(&app->table->workflows, name) : NULL;
        return entry ? entry->workflow : NULL;
}

stet_activity_fn *app_activity(const stet_app *app, struct bytes name, void **ret_context)
{
        struct app_entry *entry = app->table ? kind_find(&app->table->activities, name) : NULL;
        if (entry && ret_context)
                *ret_context = entry->context;
        return entry ? entry->activity : NULL;
}

size_t stet_app_workflows_count(const stet_app *app)
{
        return app->table ? app->table->workflows.count : 0;
}

size_t stet_app_activities_count(const stet_app *app)
{
        return app->table ? app->table->activities.count : 0;
}

const char *stet_app_workflow_name(const stet_app *app, size_t place)
{
        return place < stet_app_workflows_count(app) ? app->table->workflows.entries[place]->name : NULL;
}

const char *stet_app_activity_name(const stet_app *app, size_t place)
{
        return place < stet_app_activities_count(app) ? app->table->activities.entries[place]->name : NULL;
}

/* --- modules --- */

/* Opens the object and finds its stet_module. dlopen() looks for a bare file name on the library path; people
 * mean the file that is here. It is never closed: its functions are in the app, and threads of its own may be
 * running. */
static int module_open(const char *path, stet_module_fn **ret_fn, stet_why *why)
{
        char *text = NULL;
        if (asprintf(&text, "%s%s", strchr(path, '/') ? "" : "./", path) < 0)
                abort();
        void *object = dlopen(text, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        free(text);
        if (!object)
                return stet_why_set(why, STET_EMODULE, "module %s can't be loaded: %s", path, dlerror());
        void *symbol = dlsym(object, "stet_module");
        if (!symbol)
                return stet_why_set(why, STET_EMODULE, "module %s has no function stet_module()", path);
        /* By POSIX a function's address fits; ISO C has no cast for it. */
        memcpy(ret_fn, &symbol, sizeof *ret_fn);
        return 0;
}

/* Lets the module register in an app without a refusal, so that the first one is the module's. */
static int module_register(stet_app *app, const char *path, stet_module_fn *fn, stet_why *why)
{
        size_t before = stet_app_workflows_count(app) + stet_app_activities_count(app);
        int err = fn(app);
        if (app->err)
                return stet_why_set(why, STET_EMODULE, "module %s: %s", path, app->why.text);
        if (err)
                return stet_why_set(why, STET_EMODULE, "module %s: stet_module() returned %d (%s)", path, err,
                                    stet_error_text(err));
        if (stet_app_workflows_count(app) + stet_app_activities_count(app) == before)
                return stet_why_set(why, STET_EMODULE, "module %s registered no workflow and no activity",
                                    path);
        return 0;
}

int stet_app_load(stet_app *app, const char *path, stet_why *why)
{
        if (!path || !*path)
                return stet_why_set(why, STET_EMODULE, "a module needs a path");
        stet_module_fn *fn = NULL;
        int err = module_open(path, &fn, why);
        if (err)
                return err;
        struct stet_app_table *table = table_of(app);
        size_t workflows = table->workflows.count, activities = table->activities.count;
        stet_why refused_before = app->why;
        int err_before = app->err;
        app->err = 0;
        err = module_register(app, path, fn, why);
        if (err) { /* all of a module or nothing of it */
                kind_cut(&table->workflows, workflows);
                kind_cut(&table->activities, activities);
        }
        app->why = refused_before;
        app->err = err_before;
        return err;
}
