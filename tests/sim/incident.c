/* SPDX-License-Identifier: MIT */
#include "tests/sim/incident.h"

const struct sim_incident incidents[] = { { "none", "", NULL } };
const size_t incidents_count = 0;

const struct sim_incident *incident_find(const char *name)
{
        for (size_t i = 0; i < incidents_count; i++)
                if (strcmp(incidents[i].name, name) == 0)
                        return &incidents[i];
        return NULL;
}
