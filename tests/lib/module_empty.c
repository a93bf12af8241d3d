/* SPDX-License-Identifier: MIT
 *
 * A module that loads and registers nothing.
 */
#include <stet/stet.h>

STET_PUBLIC stet_module_fn stet_module;

int stet_module(stet_app *app)
{
        (void)app;
        return 0;
}
