/* SPDX-License-Identifier: MIT */
#include "runtime/executor.h"

_Thread_local struct running_code running_code;
