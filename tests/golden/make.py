#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes a golden directory: what a stet of one format leaves behind, for every later one to open.

    make.py STET GOLDEN.so DIR      DIR must not be there; beside it, DIR.json says what is in it

It is run once for each format, with the stet that first wrote it, and what it made is kept:

    format-1    with the stet of commit 19ea2e7, the last that had no store
    format-2    with the first stet that has one
    format-3    with the first that leaves out of records what is usual
    format-4    with the first that packs histories

GOLDEN.so is golden.c. The directory is left as a kill leaves it: nothing in it was closed in order.
"""

import json
import os
import subprocess
import sys
import time

SHARDS = 2
BOUND_S = 60
RUNS = (
    # workflow id, workflow, input, signals, state in which it is left
    ("ended", "echo", {"text": "☃", "list": [1, 2.5, None, True]}, [], "completed"),
    ("large", "echo", "0123456789abcdef" * 400, [], "completed"),
    ("large-again", "echo", "0123456789abcdef" * 400, [], "completed"),
    ("failed", "fails", None, [], "failed"),
    ("waiting", "two_signals", None, [], "open"),
    ("signalled", "two_signals", None, ["first"], "open"),
    ("summing", "sums", 40, [], "open"),
    ("queued", "queues", 6, [], "open"),
    ("asleep", "sleeps", None, [], "open"),
    ("parent", "parent", "from parent", [], "open"),
    ("continued", "counts_down", 3, [], "open"),
    ("canceled", "two_signals", None, [], "canceled"),
    ("terminated", "two_signals", None, [], "terminated"),
)


class Maker:
    def __init__(self, stet, module, directory):
        self.stet, self.module, self.directory = stet, module, directory
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("STET_")}

    def ask(self, *arguments):
        answer = subprocess.run(
            [self.stet, *arguments, "--data", self.directory, "-o", "json"],
            env=self.environment,
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(answer.stdout)

    def until(self, condition):
        end = time.monotonic() + BOUND_S
        while not condition():
            if time.monotonic() > end:
                sys.exit(f"make.py: not within {BOUND_S} s")

    def make_runs(self):
        for name, workflow, given, signals, _ in RUNS:
            self.ask("start", workflow, "--id", name, "--request-id", f"start-{name}", "-i", json.dumps(given))
            for value in signals:
                self.ask("signal", name, "go", "-i", json.dumps(value))
        self.ask("cancel", "canceled", "--reason", "as planned")
        self.ask("terminate", "terminated", "--reason", "as planned")
        self.until(lambda: all(self.ask("show", run[0])["state"] == run[4] for run in RUNS))
        self.until(lambda: self.ask("show", "golden-child").get("status") == 1)
        self.until(lambda: "signal" in self.ask("show", "summing")["blocked_on"][0]["sentence"])

    def describe(self):
        """Every run as it is, for the tests to compare."""
        runs = {}
        for row in self.ask("list", "--limit", "1000"):
            shown = self.ask("show", row["run_id"])
            shown.pop("blocked_on", None)
            history = self.ask("history", row["run_id"])
            runs[row["run_id"]] = {"show": shown, "history": history}
        return runs

    def make(self):
        arguments = ["serve", "--data", self.directory, "--module", self.module, "--shards", str(SHARDS)]
        server = subprocess.Popen(
            [self.stet, *arguments, "--listen", "tcp://127.0.0.1:0", "-o", "json"],
            env=self.environment,
            stdout=subprocess.PIPE,
        )
        try:
            server.stdout.readline()
            self.make_runs()
            runs = self.describe()
        finally:
            server.kill()
            server.wait()
        for name in os.listdir(self.directory):
            if name.endswith("lock") or name.endswith(".sock"):
                os.unlink(os.path.join(self.directory, name))
        with open(f"{self.directory}.json", "w", encoding="utf-8") as file:
            json.dump(runs, file, ensure_ascii=False, indent=1, sort_keys=True)
            file.write("\n")


def main():
    if len(sys.argv) != 4 or os.path.exists(sys.argv[3]):
        sys.exit(__doc__)
    Maker(*map(os.path.abspath, sys.argv[1:])).make()


if __name__ == "__main__":
    main()
