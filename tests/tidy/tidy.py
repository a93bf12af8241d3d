#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks the source tree. Each check is a claim; what breaks it is named with its file and line.

    tests/tidy/tidy.py [ROOT]         runs every check on the tree, as TAP
    tests/tidy/tidy.py --self-test    plants a violation for each check in a small tree and expects it to be found
"""

import os
import sys

import check_build
import check_calls
import check_docs
import check_includes
import check_text
from self_test import self_test
from tree import Tree

CHECKS = (
    check_includes.CHECKS + check_calls.CHECKS + check_text.CHECKS + check_build.CHECKS + check_docs.CHECKS
)


def run_checks(root):
    tree = Tree(root)
    print(f"1..{len(CHECKS)}")
    failed = 0
    for number, check in enumerate(CHECKS, 1):
        try:
            findings = list(check(tree))
        except check_text.Skipped as why:
            print(f"ok {number} - {check.__name__} # SKIP {why}")
            continue
        failed += bool(findings)
        print(("not ok" if findings else "ok") + f" {number} - {check.__name__}")
        for path, line, message in findings:
            print(f"# {path}:{line}: {message}")
    return 1 if failed else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test(CHECKS)
    here = os.path.dirname(os.path.abspath(__file__))
    return run_checks(sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", ".."))


if __name__ == "__main__":
    sys.exit(main())
