/* SPDX-License-Identifier: MIT
 *
 * An order: charge the card, hold the order for a while, wait until it is shipped, and give the money back if
 * it never is. It shows a workflow as ordinary C: an activity with retries, a timer, a signal with a time
 * limit.
 *
 *      build/examples/order dev                               # in one terminal
 *      build/examples/order start order --id order-1 --input '{"item": "lamp", "pence": 4900, "hold_s": 10}'
 *      build/examples/order show order-1                      # says what it is blocked on
 *      build/examples/order signal order-1 shipped
 *      build/examples/order history order-1
 *
 * Kill the server at any point and start it again: the order goes on where it stood. To see the card service
 * fail and the charge being retried, `touch card-service-down` where the server runs, and remove it later.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stet/stet.h"

STET_PUBLIC stet_module_fn stet_module;

/* --- activities: they do the side effects, and may run more than once --- */

static bool card_service_up(void)
{
        return access("card-service-down", F_OK) != 0;
}

static int charge(stet_activity *a, const stet_value *in, stet_value *ret)
{
        stet_value pence = stet_value_get(in, "pence");
        if (stet_value_int(&pence, 0) <= 0)
                return stet_fail_permanently(a, "BadAmount", "an order must say how many pence to charge");
        if (!card_service_up())
                return stet_fail(a, "CardServiceDown", "no answer from the card service");
        /* The key is the same for all attempts of this step: the service charges once, however often we ask.
         */
        return stet_value_pack(ret, "{s:s, s:v}", "receipt", stet_activity_key(a), "pence", &pence);
}

static int refund(stet_activity *a, const stet_value *in, stet_value *ret)
{
        stet_value receipt = stet_value_get(in, "receipt");
        if (!card_service_up())
                return stet_fail(a, "CardServiceDown", "no answer from the card service");
        return stet_value_pack(ret, "{s:v}", "refunded", &receipt);
}

/* --- the workflow: it survives everything --- */

/* After a crash it runs again from the top, and each finished call returns what it returned before. */
static int order(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value receipt = { 0 };
        int err = stet_call(run, "charge", in, &receipt, .timeout_ms = stet_minutes(1),
                            .retry = stet_retry_preset("api"));
        if (err)
                return err;

        stet_value hold = stet_value_get(
            in, "hold_s"); /* the buyer may still change their mind: a day, or what the input says */
        err = stet_sleep(run, stet_seconds(stet_value_int(&hold, 24 * 60 * 60)));
        if (!err)
                err = stet_wait_signal(run, "shipped", NULL, .timeout_ms = stet_days(7));

        if (err == STET_ETIMEDOUT ||
            err == STET_ECANCELED) /* never shipped, or called off: cleanup is ordinary code */
                return stet_call(run, "refund", &receipt, ret);
        return err ? err : stet_value_copy(ret, &receipt);
}

/* As a module: stet dev --module build/examples/order.so */
int stet_module(stet_app *app)
{
        stet_app_workflow(app, "order", order);
        stet_app_activity(app, "charge", charge);
        return stet_app_activity(app, "refund", refund);
}

int main(int argc, char **argv)
{
        stet_app app = STET_APP("order");
        stet_module(&app);
        int code = stet_app_main(&app, argc, argv);
        stet_app_fini(&app);
        return code;
}
