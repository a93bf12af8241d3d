#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes lenders.json, applications.json and lender-sheet.txt beside this file.

The data is invented, and the same every time: everything is drawn from one fixed seed. Banks are cheap and strict,
specialists dear and lenient.

    examples/data/make_data.py            writes the files
    examples/data/make_data.py --check    fails if they are not what it would write
"""
import json
import pathlib
import random
import sys

SEED = 20240501
LENDERS = 240
APPLICATIONS = 60

REGIONS = ["north", "north-east", "midlands", "wales", "scotland", "east", "london", "south-east", "south-west"]
PROPERTY_TYPES = ["house", "flat", "bungalow", "new-build", "ex-council", "above-shop", "listed", "timber-frame"]
PURPOSES = ["purchase", "remortgage", "first-home", "buy-to-let", "holiday-let", "debt-consolidation", "extension"]

FIRST_WORDS = [
    "Northgate", "Harbour", "Beacon", "Oakfield", "Severn", "Pennine", "Castle", "Meridian", "Fenland", "Kestrel",
    "Marlow", "Tamar", "Wharf", "Linden", "Granite", "Abbey Row", "Foundry", "Larkhill", "Stour", "Bridgewater",
    "Calder", "Heron", "Ashdown", "Ribble", "Wrekin", "Solway", "Cotswold", "Dunlin", "Elmhurst", "Fairholm",
]  # fmt: skip


class Kind:
    """What lenders of one kind have in common: their last words, and the range of each of their rules."""

    def __init__(self, last_words, margin, ltv, score, multiple, service):
        self.last_words = last_words
        self.margin = margin  # over the base rate, percent
        self.ltv = ltv  # loan to value at most, percent
        self.score = score  # credit score at least
        self.multiple = multiple  # of the yearly income, at most
        self.service = service  # share of the income that goes into debts, percent, at most


KINDS = {
    "bank": Kind(["Bank", "Direct", "Savings Bank"], (0.6, 1.6), (70, 90), (640, 720), (4.0, 4.75), (36, 42)),
    "building-society": Kind(
        ["Building Society", "Mutual", "Permanent"], (0.9, 2.0), (75, 95), (600, 690), (4.25, 5.0), (38, 45)
    ),
    "specialist": Kind(["Home Loans", "Finance", "Lending"], (2.2, 4.8), (65, 85), (480, 620), (4.5, 6.0), (42, 52)),
}


def lender(rng, number, name, kind):
    rules = KINDS[kind]
    loan_min = rng.choice([10, 25, 40, 50, 75, 100]) * 1000
    regions = REGIONS if rng.random() < 0.55 else sorted(rng.sample(REGIONS, rng.randint(2, 6)))
    if kind == "specialist" and rng.random() < 0.6:
        types = PROPERTY_TYPES
    else:
        types = ["house", "flat", "bungalow"] + sorted(rng.sample(PROPERTY_TYPES[3:], rng.randint(0, 4)))
    return {
        "id": f"L{number:03d}",
        "name": name,
        "kind": kind,
        "loan_min": loan_min,
        "loan_max": loan_min + rng.choice([250, 400, 500, 750, 1000, 2000]) * 1000,
        "property_types": types,
        "regions": regions,
        "ltv_max_percent": rng.randint(rules.ltv[0] // 5, rules.ltv[1] // 5) * 5,
        "credit_score_min": rng.randint(rules.score[0] // 10, rules.score[1] // 10) * 10,
        "income_multiple_max": round(rng.uniform(*rules.multiple) * 4) / 4,
        "debt_service_max_percent": rng.randint(*rules.service),
        "excluded_purposes": sorted(rng.sample(PURPOSES[2:], rng.randint(0, 3))),
        "margin_percent": round(rng.uniform(*rules.margin), 2),
        "answers_after_ms": rng.randint(8, 45),  # how long its pricing service takes
        "fails_first": number % 80 == 17,  # its pricing service is down when first asked
    }


def lenders(rng):
    names = [
        (f"{first} {last}", kind) for first in FIRST_WORDS for kind, rules in KINDS.items() for last in rules.last_words
    ]
    chosen = rng.sample(names, LENDERS)
    return [lender(rng, number, name, kind) for number, (name, kind) in enumerate(chosen, 1)]


def application(rng, number):
    value = rng.randint(90, 900) * 1000
    loan = round(value * rng.uniform(0.35, 0.95), -3)
    return {
        "id": f"A{number:02d}",
        "loan_amount": int(loan),
        "property_value": value,
        "property_type": rng.choices(PROPERTY_TYPES, [40, 25, 8, 10, 6, 3, 4, 4])[0],
        "region": rng.choice(REGIONS),
        "purpose": rng.choices(PURPOSES, [35, 20, 20, 10, 4, 6, 5])[0],
        "credit_score": max(420, min(820, round(rng.gauss(670, 70)))),
        "income_year": round(loan / rng.uniform(2.5, 6.0) / 500) * 500,
        "debts_month": rng.choice([0, 0, 0, 80, 150, 250, 400, 650]),
        "term_years": rng.choice([15, 20, 25, 25, 30, 35]),
    }


def sheet(record):
    """The same facts as a lender would send them: lines of text."""
    lines = [
        ("Lender", record["id"]), ("Name", record["name"]), ("Kind", record["kind"]),
        ("Smallest loan", record["loan_min"]), ("Largest loan", record["loan_max"]),
        ("Property types", ", ".join(record["property_types"])), ("Regions", ", ".join(record["regions"])),
        ("Loan to value up to", f"{record['ltv_max_percent']} %"), ("Credit score from", record["credit_score_min"]),
        ("Income multiple up to", record["income_multiple_max"]),
        ("Debt service up to", f"{record['debt_service_max_percent']} %"),
        ("Not for", ", ".join(record["excluded_purposes"])), ("Margin", f"{record['margin_percent']} %"),
    ]
    return "".join(f"{label}: {text}\n" for label, text in lines)


def as_lines(records):
    return "[\n" + ",\n".join(json.dumps(record) for record in records) + "\n]\n"


def make():
    rng = random.Random(SEED)
    all_lenders = lenders(rng)
    return {
        "lenders.json": as_lines(all_lenders),
        "applications.json": as_lines([application(rng, number) for number in range(1, APPLICATIONS + 1)]),
        "lender-sheet.txt": sheet(next(record for record in all_lenders if record["excluded_purposes"])),
    }


def main():
    here = pathlib.Path(__file__).resolve().parent
    for name, text in make().items():
        if sys.argv[1:] != ["--check"]:
            (here / name).write_text(text)
        elif (here / name).read_text() != text:
            sys.exit(f"{name} is not what examples/data/make_data.py makes; run it")


if __name__ == "__main__":
    main()
