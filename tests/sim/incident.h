/* SPDX-License-Identifier: MIT
 *
 * Incidents: what has really happened to other engines (RELIABILITY, 1.4), each as a world in which it
 * happens again and again. The seed still decides when, and what the workflows do.
 */
#ifndef TESTS_SIM_INCIDENT_H
#define TESTS_SIM_INCIDENT_H

#include "tests/sim/world.h"

struct sim_incident {
        const char *name;
        const char *story;
        void (*choose)(struct knobs *k); /* after the swarm, and after incident_calm() */
        void (*check)(struct sim *s);    /* at the end; may be NULL */
};

extern const struct sim_incident incidents[];
extern const size_t incidents_count;

const struct sim_incident *incident_find(const char *name); /* NULL: there is none */
void incident_choose(const struct sim_incident *incident, struct knobs *k);

#endif
