#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Counts what the tests of build trees did, case by case, from what meson wrote down.

    tests/lib/tally.py [--failed WHAT]… TREE…    shows what failed; the last line is `N passed, N failed[, N skipped]`
    tests/lib/tally.py --self-test               counts results that are known

A case of a TAP program counts as one, and so does any other program. What a program planned and did not run has failed;
so has a program that ran no case, that ended badly although its cases passed, or that meson never came to.
"""

import json
import os
import re
import sys

PLAN = re.compile(r"^1\.\.(\d+)", re.MULTILINE)
CASE = re.compile(r"^(not )?ok\b(?:[ ]+\d+)?[ ]*(?:-[ ]+)?(.*?)[ ]*(#[ ]*skip\b.*)?$", re.MULTILINE | re.IGNORECASE)
SHOWN_LINES = 60
SLOWEST = 5


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []  # (title, output)

    def fail(self, title, output="", times=1):
        self.failed += times
        self.failures.append((title, output))

    def line(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def count_program(count, title, protocol, result):
    """Adds one program's result, an entry of meson's testlog.json, or None when there is none."""
    if result is None:
        count.fail(f"{title}: was not run")
        return
    output = (result.get("stdout") or "") + (result.get("stderr") or "")
    if protocol == "tap":
        count_cases(count, title, result, output)
    elif result["result"] == "OK":
        count.passed += 1
    elif result["result"] == "SKIP":
        count.skipped += 1
    else:
        count.fail(f"{title}: {result['result']}", output)


def count_cases(count, title, result, output):
    text = result.get("stdout") or ""
    cases = CASE.findall(text)
    plan = PLAN.search(text)
    planned = int(plan.group(1)) if plan else len(cases)
    bad = [name for failed, name, _ in cases if failed]
    skipped = sum(1 for failed, _, skip in cases if skip and not failed)
    count.skipped += skipped
    count.passed += len(cases) - len(bad) - skipped
    if bad:
        count.fail(f"{title}: {', '.join(bad)}", output, len(bad))
    if planned > len(cases):
        count.fail(f"{title}: {planned - len(cases)} of {planned} cases did not run", output, planned - len(cases))
    elif not cases:
        count.fail(f"{title}: ran no case", output)
    elif not bad and result["result"] != "OK" and skipped < len(cases):
        count.fail(f"{title}: {result['result']}, although its cases passed", output)


def read_tree(tree):
    """[(title, protocol, result or None)] of every test that the tree has, and their durations."""
    with open(os.path.join(tree, "meson-info", "intro-tests.json"), encoding="utf-8") as file:
        tests = json.load(file)
    results = {}
    log = os.path.join(tree, "meson-logs", "testlog.json")
    if os.path.exists(log):
        with open(log, encoding="utf-8") as file:
            for line in file:
                result = json.loads(line)
                results[result["name"]] = result
    for test in tests:
        suite, name = test["suite"][0], test["name"]
        # Where there is one suite only, meson leaves it out.
        result = results.get(f"{suite} / {name}", results.get(name))
        yield f"{tree} {suite.split(':')[-1]} {name}", test["protocol"], result


def tally(trees, broken):
    count = Count()
    for what in broken:
        count.fail(what)
    durations = []
    for tree in trees:
        for title, protocol, result in read_tree(tree):
            count_program(count, title, protocol, result)
            if result:
                durations.append((result["duration"], title))
    longest = ", ".join(f"{title} {seconds:.1f} s" for seconds, title in sorted(durations, reverse=True)[:SLOWEST])
    if longest:
        print(f"longest: {longest}")
    for title, output in count.failures:
        print(f"FAILED {title}")
        lines = [line for line in output.splitlines() if line.strip() and not line.startswith("ok ")]
        for line in lines[-SHOWN_LINES:]:
            print(f"    {line}")
    print(count.line())
    return 0 if count.passed and not count.failed else 1


# (what, protocol, result, stdout, line)
KNOWN = [
    ("cases count each", "tap", "OK", "TAP version 13\n1..2\nok - a::b  (0.00s)\nok - a::c  (0.00s)\n",
     "2 passed, 0 failed"),
    ("a failed case", "tap", "FAIL", "1..3\nok 1 - a\nnot ok 2 - b\n  ---\nok 3 - c\n", "2 passed, 1 failed"),
    ("a skipped case", "tap", "OK", "1..2\nok 1 - a\nok 2 - b # SKIP no tool\n", "1 passed, 0 failed, 1 skipped"),
    ("all skipped", "tap", "SKIP", "1..1\nok 1 - b # SKIP no tool\n", "0 passed, 0 failed, 1 skipped"),
    ("an early end", "tap", "ERROR", "1..4\nok 1 - a\n", "1 passed, 3 failed"),
    ("no case", "tap", "SKIP", "1..0\n", "0 passed, 1 failed"),
    ("no word", "tap", "ERROR", "", "0 passed, 1 failed"),
    ("a report after good cases", "tap", "ERROR", "1..1\nok 1 - a\n", "1 passed, 1 failed"),
    ("out of time", "tap", "TIMEOUT", "1..1\nok 1 - a\n", "1 passed, 1 failed"),
    ("a good program", "exitcode", "OK", "seed 1\n1..3\n", "1 passed, 0 failed"),
    ("a bad program", "exitcode", "FAIL", "", "0 passed, 1 failed"),
    ("a program out of time", "exitcode", "TIMEOUT", "", "0 passed, 1 failed"),
    ("a skipped program", "exitcode", "SKIP", "", "0 passed, 0 failed, 1 skipped"),
    ("a program that never ran", "exitcode", None, "", "0 passed, 1 failed"),
]


def self_test():
    print(f"1..{len(KNOWN)}")
    failed = False
    for number, (what, protocol, result, stdout, line) in enumerate(KNOWN, 1):
        count = Count()
        count_program(count, what, protocol, result and {"result": result, "stdout": stdout})
        good = count.line() == line
        failed = failed or not good
        print(f"{'ok' if good else 'not ok'} {number} - {what}")
        if not good:
            print(f"# counted {count.line()}, expected {line}")
    return 1 if failed else 0


def main():
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        return self_test()
    broken = []
    while arguments[:1] == ["--failed"]:
        broken.append(arguments[1])
        arguments = arguments[2:]
    return tally(arguments, broken)


if __name__ == "__main__":
    sys.exit(main())
