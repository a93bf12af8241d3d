/* SPDX-License-Identifier: MIT
 *
 * The stet command: all verbs, and no workflow of its own. --module brings some.
 */
#include "stet/app.h"

int main(int argc, char **argv)
{
        stet_app app = STET_APP("stet");
        int code = stet_app_main(&app, argc, argv);
        stet_app_fini(&app);
        return code;
}
