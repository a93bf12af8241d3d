/* SPDX-License-Identifier: MIT
 *
 * What a lender lends on: pure rules over the maps of lenders.json and applications.json. Nothing here knows
 * of workflows.
 */
#ifndef EXAMPLES_LOAN_RULES_H
#define EXAMPLES_LOAN_RULES_H

#include "stet/value.h"

/* Why this lender can't make this loan ("credit score too low"), or NULL if it can. Static. */
const char *loan_rejection(const stet_value *lender, const stet_value *application);

/* A lender's terms. */
struct loan_offer {
        double rate_percent; /* a year */
        double payment_month;
        double ltv_percent;          /* loan to value */
        double debt_service_percent; /* of income that goes into this loan and other debts */
        double score;                /* 0 … 100: how good the match is for the borrower */
};

struct loan_offer loan_offer_make(const stet_value *lender, const stet_value *application);

/* The number under a key of a map; 0 if there is none. */
double loan_number(const stet_value *map, const char *key);

#endif
