#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What earlier versions of stet left behind: this one opens it, finds it whole, tells the same of it, and brings every
run to its end. A directory that a later version wrote is refused and left as it is.

Environment, besides that of tests/e2e/cli.py: STET_GOLDEN, this directory; STET_GOLDEN_MAKE, make.py;
STET_GOLDEN_MODULE, golden.so.
"""

import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import cli  # noqa: E402
from cli import DATA, OK, CliTest  # noqa: E402

MAKE = os.path.abspath(os.environ["STET_GOLDEN_MAKE"])
GOLDEN = os.path.abspath(os.environ["STET_GOLDEN"])
MODULE = os.path.abspath(os.environ["STET_GOLDEN_MODULE"])
FORMATS = sorted(os.path.basename(path)[:-5] for path in glob.glob(os.path.join(GOLDEN, "format-*.json")))

# What each open run returns when it has been given what it waits for.
SIGNALS = {
    "waiting": (["a", "b"], ["a", "b"]),
    "signalled": (["b"], ["first", "b"]),
    "golden-child": (["b"], ["from parent", "b"]),
    "summing": (["now"], 43),
    "asleep": (["wake up"], 1),
    "continued": (["landed"], "landed"),
}
FINISHED = {"parent": ["from parent", "b"], "queued": 7}


def fingerprint(directory):
    found = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                found[os.path.join(folder, name)] = hashlib.sha256(file.read()).hexdigest()
    return found


def known(now, then):
    """What is told now, without the keys that nobody knew then: keys may be added."""
    if isinstance(now, dict) and isinstance(then, dict):
        return {key: known(item, then[key]) for key, item in now.items() if key in then}
    if isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        return [known(item, other) for item, other in zip(now, then)]
    return now


class GoldenTest(CliTest):
    made = None  # what this version makes, once: its files by name, and what is said of it

    def for_each_format(self, test):
        """Those that are kept, and what this version makes."""
        self.assertIn("format-1", FORMATS)
        for name in FORMATS:
            self.take(os.path.join(GOLDEN, name), test)
        self.take(self.make(), test)

    def make(self):
        made = self.path("made")
        if GoldenTest.made is None:
            command = [MAKE, cli.STET, MODULE, made]
            subprocess.run(command, env=self.environment, stderr=subprocess.DEVNULL, timeout=cli.BOUND_S, check=True)
            GoldenTest.made = {}
            for path in [f"{made}.json", *glob.glob(f"{made}/*")]:
                with open(path, "rb") as file:
                    GoldenTest.made[os.path.relpath(path, made)] = file.read()
            shutil.rmtree(made)
        os.mkdir(made)
        for name, content in GoldenTest.made.items():
            with open(os.path.normpath(os.path.join(made, name)), "wb") as file:
                file.write(content)
        return made

    def take(self, directory, test):
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(directory, self.data)
        with open(f"{directory}.json", encoding="utf-8") as file:
            test(json.load(file))

    def ask(self, verb, *arguments):
        return self.expect(self.stet(verb, *arguments, "--data", self.data, "-o", "json"), OK).json

    def told(self, run):
        shown = self.ask("show", run)
        shown.pop("blocked_on", None)
        return {"show": shown, "history": self.ask("history", run)}


class Earlier(GoldenTest):
    def test_a_directory_of_an_earlier_version_is_whole(self):
        self.for_each_format(lambda runs: self.expect(self.stet("verify", self.data), OK, ""))

    def test_a_directory_of_an_earlier_version_tells_what_it_told(self):
        def tell(runs):
            self.assertEqual(sorted(row["run_id"] for row in self.ask("list", "--limit", "1000")), sorted(runs))
            for _ in range(2):
                for run, told in runs.items():
                    self.assertEqual(known(self.told(run), told), told)

        self.for_each_format(tell)

    def test_every_open_run_of_an_earlier_version_comes_to_its_end(self):
        self.for_each_format(self.finish)

    def finish(self, runs):
        server = self.serve("--executors", "4", module=MODULE)
        work = ["work", "--connect", server.endpoint, "--module", MODULE, "--queue", "later"]
        executor = cli.Process(self, work)
        for name, (values, _) in SIGNALS.items():
            for value in values:
                self.expect(self.stet("signal", name, "go", "-i", json.dumps(value), "--data", self.data), OK)
        for name, result in {**{name: after for name, (_, after) in SIGNALS.items()}, **FINISHED}.items():
            self.until(lambda name=name: self.ask("show", name)["state"] == "completed", f"{name} ends")
            self.assertEqual(self.ask("show", name)["result"], result, name)
        self.assertEqual(self.ask("list", "--state", "open"), [])
        for run, told in runs.items():
            history = self.ask("history", run)
            told = told["history"]
            self.assertEqual(known(history[: len(told)], told), told)
        self.assertEqual(executor.stop(), OK)
        self.assertEqual(server.stop(), OK)
        self.expect(self.stet("verify", self.data), OK)

    def test_requests_of_an_earlier_version_are_known(self):
        def repeat(runs):
            for told in runs.values():
                shown, start = told["show"], told["history"][0]["event"]
                if start.get("request_id", "").startswith("start-"):
                    given = json.dumps(start.get("value"))
                    answer = self.stet("start", shown["workflow"], "--id", shown["workflow_id"], "-i", given,
                                       "--request-id", start["request_id"], "--data", self.data, "--module", MODULE,
                                       "-o", "json")  # fmt: skip
                    self.assertTrue(self.expect(answer, OK).json["existing"])
            self.assertEqual(len(self.ask("list", "--limit", "1000")), len(runs))

        self.for_each_format(repeat)


class Later(GoldenTest):
    def refuse(self, change):
        def test(_):
            change()
            before = fingerprint(self.data)
            for verb, *arguments in (("list",), ("dev", "--listen", "tcp://127.0.0.1:0"), ("verify",)):
                self.expect_refusal(self.stet(verb, *arguments, "--data", self.data), DATA, "newer")
            after = fingerprint(self.data)
            self.assertEqual({path: after[path] for path in before}, before)
            self.assertFalse([path for path in after if path not in before and not path.endswith("lock")])

        self.for_each_format(test)

    def test_a_directory_of_a_newer_format_is_refused_and_left_as_it_is(self):
        def raise_format():
            path = os.path.join(self.data, "stet.meta")
            with open(path, encoding="utf-8") as file:
                meta = json.load(file)
            meta["format"] = 1000
            with open(path, "w", encoding="utf-8") as file:
                json.dump(meta, file)

        self.refuse(raise_format)


if __name__ == "__main__":
    cli.main()
