/* SPDX-License-Identifier: MIT
 *
 * Incidents: what has really happened to other engines, each as a world in which it happens again and again.
 */
#ifndef TESTS_SIM_INCIDENT_H
#define TESTS_SIM_INCIDENT_H

#include "tests/sim/world.h"

struct sim_incident {
        const char *name;
        const char *story;
        void (*choose)(struct knobs *k); /* after the swarm */
};

extern const struct sim_incident incidents[];
extern const size_t incidents_count;

const struct sim_incident *incident_find(const char *name);

#endif
