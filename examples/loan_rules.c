/* SPDX-License-Identifier: MIT */
#include "loan_rules.h"

#include <math.h>

static const double BASE_RATE_PERCENT = 4.25;
static const double LOADED_ABOVE_LTV = 75;  /* each percent above costs … */
static const double LOADING_PERCENT = 0.03; /* … so much more a year */

/* What a score of 100 is made of. */
static const double WEIGHT_PRICE = 55, WEIGHT_AFFORDABLE = 25, WEIGHT_EQUITY = 10, WEIGHT_CREDIT = 10;
static const double DEAREST_RATE_PERCENT = 10; /* a rate that gets nothing for its price */

double loan_number(const stet_value *map, const char *key)
{
        stet_value item = stet_value_get(map, key);
        return stet_value_double(&item, 0);
}

/* --- what follows from the two --- */

static double ltv_percent(const stet_value *application)
{
        return loan_number(application, "loan_amount") * 100 / loan_number(application, "property_value");
}

static double rate_percent(const stet_value *lender, const stet_value *application)
{
        double loaded = fmax(0, ltv_percent(application) - LOADED_ABOVE_LTV);
        return BASE_RATE_PERCENT + loan_number(lender, "margin_percent") + loaded * LOADING_PERCENT;
}

/* The annuity that pays the loan back over its term. */
static double payment_month(const stet_value *lender, const stet_value *application)
{
        double rate = rate_percent(lender, application) / 100 / 12;
        double months = loan_number(application, "term_years") * 12;
        return loan_number(application, "loan_amount") * rate / (1 - pow(1 + rate, -months));
}

static double debt_service_percent(const stet_value *lender, const stet_value *application)
{
        double owed = payment_month(lender, application) + loan_number(application, "debts_month");
        return owed * 100 / (loan_number(application, "income_year") / 12);
}

/* --- the rules, in the order in which a lender would ask --- */

/* Whether the lender's list has what the application says. */
static bool listed(const stet_value *lender, const char *list_key, const stet_value *application,
                   const char *key)
{
        stet_value list = stet_value_get(lender, list_key);
        stet_value wanted = stet_value_get(application, key);
        stet_value item;
        for (size_t at = 0; stet_value_next(&list, &at, NULL, &item);)
                if (stet_value_equal(&item, &wanted))
                        return true;
        return false;
}

static bool purpose_accepted(const stet_value *lender, const stet_value *application)
{
        return !listed(lender, "excluded_purposes", application, "purpose");
}

static bool region_served(const stet_value *lender, const stet_value *application)
{
        return listed(lender, "regions", application, "region");
}

static bool property_accepted(const stet_value *lender, const stet_value *application)
{
        return listed(lender, "property_types", application, "property_type");
}

static bool loan_large_enough(const stet_value *lender, const stet_value *application)
{
        return loan_number(application, "loan_amount") >= loan_number(lender, "loan_min");
}

static bool loan_small_enough(const stet_value *lender, const stet_value *application)
{
        return loan_number(application, "loan_amount") <= loan_number(lender, "loan_max");
}

static bool credit_good_enough(const stet_value *lender, const stet_value *application)
{
        return loan_number(application, "credit_score") >= loan_number(lender, "credit_score_min");
}

static bool deposit_large_enough(const stet_value *lender, const stet_value *application)
{
        return ltv_percent(application) <= loan_number(lender, "ltv_max_percent");
}

static bool income_large_enough(const stet_value *lender, const stet_value *application)
{
        return loan_number(application, "loan_amount") <=
               loan_number(application, "income_year") * loan_number(lender, "income_multiple_max");
}

static bool payment_affordable(const stet_value *lender, const stet_value *application)
{
        return debt_service_percent(lender, application) <= loan_number(lender, "debt_service_max_percent");
}

static const struct {
        bool (*holds)(const stet_value *lender, const stet_value *application);
        const char *otherwise;
} rules[] = {
        { purpose_accepted, "purpose excluded" },
        { region_served, "region not served" },
        { property_accepted, "property type not accepted" },
        { loan_large_enough, "loan too small" },
        { loan_small_enough, "loan too large" },
        { credit_good_enough, "credit score too low" },
        { deposit_large_enough, "loan to value too high" },
        { income_large_enough, "income too low for the loan" },
        { payment_affordable, "payments too high for the income" },
};

const char *loan_rejection(const stet_value *lender, const stet_value *application)
{
        for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
                if (!rules[i].holds(lender, application))
                        return rules[i].otherwise;
        return NULL;
}

/* --- terms --- */

static double share(double part, double whole)
{
        return whole > 0 ? fmin(1, fmax(0, part / whole)) : 0;
}

struct loan_offer loan_offer_make(const stet_value *lender, const stet_value *application)
{
        struct loan_offer offer = {
                .rate_percent = rate_percent(lender, application),
                .payment_month = payment_month(lender, application),
                .ltv_percent = ltv_percent(application),
                .debt_service_percent = debt_service_percent(lender, application),
        };
        double service_max = loan_number(lender, "debt_service_max_percent");
        double ltv_max = loan_number(lender, "ltv_max_percent");
        double credit_spare =
            loan_number(application, "credit_score") - loan_number(lender, "credit_score_min");
        double range = DEAREST_RATE_PERCENT - BASE_RATE_PERCENT;
        offer.score = WEIGHT_PRICE * share(DEAREST_RATE_PERCENT - offer.rate_percent, range) +
                      WEIGHT_AFFORDABLE * share(service_max - offer.debt_service_percent, service_max) +
                      WEIGHT_EQUITY * share(ltv_max - offer.ltv_percent, ltv_max) +
                      WEIGHT_CREDIT * share(credit_spare, 200);
        return offer;
}
