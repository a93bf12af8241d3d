/* SPDX-License-Identifier: MIT
 *
 * The modules are built from tests/unit/module/module.c into the directory that STET_TEST_MODULES names, as
 * module_good.so and so on. They use this program's stet functions: it is linked with its symbols exported.
 */
#include "base/app.h"

#include "tests/lib/temp_dir.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int order(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)run;
        (void)in;
        return stet_value_set_int(ret, 1);
}

static int refund(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)run;
        (void)in;
        return stet_value_set_int(ret, 2);
}

static int charge(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)a;
        (void)in;
        return stet_value_set_int(ret, 3);
}

/* --- registering --- */

Test(app, an_empty_app_has_nothing)
{
        stet_app app = STET_APP("shop");
        cr_assert_eq(stet_app_workflows_count(&app), 0);
        cr_assert_eq(stet_app_activities_count(&app), 0);
        cr_assert_null(stet_app_workflow_name(&app, 0));
        cr_assert_null(stet_app_activity_name(&app, 0));
        cr_assert_null(app_workflow(&app, bytes_str("order")));
        cr_assert_null(app_activity(&app, bytes_str("charge"), NULL));
        stet_app_fini(&app);
}

Test(app, finds_what_was_registered_by_name_and_by_place)
{
        stet_app app = STET_APP("shop");
        int context;
        void *found = NULL;
        char name[] = "order";
        cr_assert_eq(stet_app_workflow(&app, name, order), 0);
        name[0] = 'X'; /* the app has a copy */
        cr_assert_eq(stet_app_workflow(&app, "refund", refund), 0);
        cr_assert_eq(stet_app_activity_context(&app, "charge", charge, &context), 0);
        cr_assert_eq(stet_app_activity(&app, "order", charge), 0, "a name may be used once in each kind");
        cr_assert_eq(app.err, 0);

        cr_assert_eq(app_workflow(&app, bytes_of("orders", 5)), order);
        cr_assert_eq(app_workflow(&app, bytes_str("refund")), refund);
        cr_assert_null(app_workflow(&app, bytes_str("charge")));
        cr_assert_null(app_workflow(&app, bytes_str("orders")));
        cr_assert_eq(app_activity(&app, bytes_str("charge"), &found), charge);
        cr_assert_eq(found, &context);
        cr_assert_eq(app_activity(&app, bytes_str("order"), &found), charge);
        cr_assert_null(found);
        cr_assert_eq(app_activity(&app, bytes_str("charge"), NULL), charge);

        cr_assert_eq(stet_app_workflows_count(&app), 2);
        cr_assert_str_eq(stet_app_workflow_name(&app, 0), "order");
        cr_assert_str_eq(stet_app_workflow_name(&app, 1), "refund");
        cr_assert_str_eq(stet_app_activity_name(&app, 1), "order");
        cr_assert_null(stet_app_workflow_name(&app, 2));
        stet_app_fini(&app);
        cr_assert_null(app.table);
        stet_app_fini(&app);
}

Test(app, a_thousand_names_are_told_apart)
{
        stet_app app = STET_APP("shop");
        char name[32];
        for (int i = 0; i < 1000; i++) {
                snprintf(name, sizeof name, "activity-%d", i);
                cr_assert_eq(stet_app_activity_context(&app, name, charge, (void *)(intptr_t)(i + 1)), 0);
        }
        for (int i = 0; i < 1000; i++) {
                void *context = NULL;
                snprintf(name, sizeof name, "activity-%d", i);
                app_activity(&app, bytes_str(name), &context);
                cr_assert_eq((intptr_t)context, i + 1);
                cr_assert_str_eq(stet_app_activity_name(&app, (size_t)i), name);
        }
        stet_app_fini(&app);
}

Test(app, keeps_the_first_refusal_and_goes_on)
{
        stet_app app = STET_APP("shop");
        char name[257];
        memset(name, 'x', 256);
        name[256] = 0;
        cr_assert_eq(stet_app_workflow(&app, "order", order), 0);
        cr_assert_eq(stet_app_workflow(&app, "order", refund), STET_EEXISTS);
        cr_assert_eq(app.err, STET_EEXISTS);
        cr_assert_str_eq(app.why.text, "workflow \"order\" is registered twice");
        cr_assert_eq(stet_app_workflow(&app, "", order), STET_EINVAL);
        cr_assert_eq(stet_app_workflow(&app, NULL, order), STET_EINVAL);
        cr_assert_eq(stet_app_workflow(&app, "a\nb", order), STET_EINVAL);
        cr_assert_eq(stet_app_workflow(&app, "a\xff", order), STET_EINVAL);
        cr_assert_eq(stet_app_workflow(&app, name, order), STET_EINVAL);
        cr_assert_eq(stet_app_workflow(&app, name + 1, order), 0);
        cr_assert_eq(stet_app_workflow(&app, "none", NULL), STET_EINVAL);
        cr_assert_eq(stet_app_activity(&app, "none", NULL), STET_EINVAL);
        cr_assert_eq(app.err, STET_EEXISTS);
        cr_assert_eq(app_workflow(&app, bytes_str("order")), order);
        cr_assert_eq(stet_app_workflows_count(&app), 2);
        stet_app_fini(&app);
}

Test(app, a_refusal_names_the_registration)
{
        stet_app app = STET_APP("shop");
        stet_app_activity(&app, "a", charge);
        stet_app_activity(&app, "b\x1b", charge);
        cr_assert_eq(app.err, STET_EINVAL);
        cr_assert_not_null(strstr(app.why.text, "activity number 2 has a name of 2 bytes"), "%s",
                           app.why.text);
        stet_app_fini(&app);
}

/* --- modules --- */

static const char *module_path(const char *kind)
{
        static char path[4096];
        const char *dir = getenv("STET_TEST_MODULES");
        cr_assert_not_null(dir, "STET_TEST_MODULES does not say where the modules are");
        snprintf(path, sizeof path, "%s/module_%s.so", dir, kind);
        cr_assert_eq(access(path, R_OK), 0, "%s is not there", path);
        return path;
}

static void expect_refused(const char *path, const char *reason)
{
        stet_app app = STET_APP("shop");
        stet_why why = { "" };
        stet_app_workflow(&app, "order", order);
        cr_assert_eq(stet_app_load(&app, path, &why), STET_EMODULE);
        cr_assert_not_null(strstr(why.text, reason), "%s", why.text);
        cr_assert_not_null(strstr(why.text, path), "%s", why.text);
        cr_assert_eq(stet_app_load(&app, path, NULL), STET_EMODULE);
        cr_assert_eq(stet_app_workflows_count(&app), 1, "nothing of it stays");
        cr_assert_eq(stet_app_activities_count(&app), 0);
        cr_assert_null(app_workflow(&app, bytes_str("module workflow")));
        cr_assert_eq(app.err, 0);
        stet_app_fini(&app);
}

Test(app_load, a_module_adds_its_workflows_and_activities)
{
        stet_app app = STET_APP("shop");
        stet_why why = { "" };
        stet_app_workflow(&app, "order", order);
        cr_assert_eq(stet_app_load(&app, module_path("good"), &why), 0, "%s", why.text);
        cr_assert_str_eq(stet_app_workflow_name(&app, 1), "module workflow");
        cr_assert_str_eq(stet_app_activity_name(&app, 0), "module activity");

        stet_workflow_fn *fn = app_workflow(&app, bytes_str("module workflow"));
        stet_value in = { 0 }, ret = { 0 };
        stet_value_set_int(&in, 42);
        cr_assert_eq(fn(NULL, &in, &ret), 0);
        cr_assert_eq(stet_value_int(&ret, 0), 42);
        stet_value_free(&in);
        stet_value_free(&ret);

        cr_assert_eq(stet_app_load(&app, module_path("good"), &why), STET_EMODULE);
        cr_assert_not_null(strstr(why.text, "registered twice"), "%s", why.text);
        cr_assert_eq(stet_app_workflows_count(&app), 2);
        stet_app_fini(&app);
}

Test(app_load, refuses_what_can_not_be_loaded)
{
        char *dir = temp_dir_new();
        char path[256];
        snprintf(path, sizeof path, "%s/none.so", dir);
        expect_refused(path, "No such file");
        snprintf(path, sizeof path, "%s/text.so", dir);
        FILE *f = fopen(path, "w");
        fputs("this is not a shared object, but it is long enough to have had the head of one\n", f);
        fclose(f);
        expect_refused(path, "can't be loaded");
        expect_refused(dir, "can't be loaded");
        temp_dir_free(dir);
        stet_app app = STET_APP("shop");
        cr_assert_eq(stet_app_load(&app, NULL, NULL), STET_EMODULE);
        cr_assert_eq(stet_app_load(&app, "", NULL), STET_EMODULE);
        stet_app_fini(&app);
}

Test(app_load, a_bare_file_name_is_the_file_that_is_here)
{
        stet_app app = STET_APP("shop");
        stet_why why = { "" };
        module_path("good");
        cr_assert_eq(chdir(getenv("STET_TEST_MODULES")), 0);
        cr_assert_eq(stet_app_load(&app, "module_good.so", &why), 0, "%s", why.text);
        stet_app_fini(&app);
}

Test(app_load, refuses_a_module_that_registers_nothing)
{
        expect_refused(module_path("nothing"), "registered no workflow and no activity");
}

Test(app_load, refuses_a_module_that_returns_an_error_and_takes_back_what_it_registered)
{
        expect_refused(module_path("failing"), "returned 22 (no answer from the node)");
}

Test(app_load, refuses_a_module_whose_registration_was_refused)
{
        expect_refused(module_path("twice"), "workflow \"module workflow\" is registered twice");
}

Test(app_load, refuses_a_shared_object_without_stet_module)
{
        expect_refused(module_path("mute"), "no function stet_module()");
}

Test(app_load, leaves_an_earlier_refusal_as_it_was)
{
        stet_app app = STET_APP("shop");
        stet_app_workflow(&app, "", order);
        cr_assert_eq(stet_app_load(&app, module_path("good"), NULL), 0);
        cr_assert_eq(app.err, STET_EINVAL);
        cr_assert_eq(stet_app_workflows_count(&app), 1);
        stet_app_fini(&app);
}
