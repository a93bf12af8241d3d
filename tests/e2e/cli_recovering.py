#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A server that comes back with much in its log: what it says meanwhile, and that nobody is forgotten.

Environment, besides cli.py's: STET_LEAVE_RUNS, which leaves a directory as after kill -9.
"""

import os
import subprocess

import cli
from cli import BOUND_S, MODULE, OK, STET, CliTest

LEAVE_RUNS = os.path.abspath(os.environ["STET_LEAVE_RUNS"])
RUNS = 100000  # a few tenths of a second to read


class Recovering(CliTest):
    def leave_runs(self, shards):
        subprocess.run(
            [LEAVE_RUNS, self.data, MODULE, "wait", str(RUNS), str(shards)], check=True, timeout=4 * BOUND_S
        )

    def begin(self):
        """A server that is not waited for: it listens, and recovers."""
        self.endpoint = f"ipc://{self.data}/node.sock"
        options = ["--data", self.data, "--module", MODULE, "--listen", "tcp://127.0.0.1:0", "-o", "json"]
        server = cli.Process(self, ["serve", *options])
        self.until(lambda: os.path.exists(self.path("data", "node.sock")), "it listens")
        return server

    def ask(self, verb, *arguments):
        return self.expect(self.stet(verb, *arguments, "--connect", self.endpoint), OK)

    def in_background(self, verb, *arguments):
        return subprocess.Popen(
            [STET, verb, *arguments, "--connect", self.endpoint, "--timeout", f"{BOUND_S}s"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def finish(self, process):
        out, err = process.communicate(timeout=BOUND_S)
        self.assertEqual(process.returncode, 0, err)
        return out.decode()

    def see_it_recover(self, shards):
        """stats until there is something to count; commands that it is too early for are answered then."""
        self.leave_runs(shards)
        server = self.begin()
        early, seen, text = {}, [], ""
        while "recovering" in (stats := self.ask("stats", "-o", "json").json):
            seen.append(stats["recovering"])
            if not early:
                early = {
                    "signal": self.in_background("signal", "7", "go", "-i", "[7]"),
                    "list": self.in_background("list", "--limit", "2", "-o", "json"),
                }
                text = self.ask("stats").out
        server.ready()
        if not seen:
            self.skipTest("the server was ready before the first question")
        for one in seen:
            self.assertEqual(one["shards"], shards)
            self.assertIn(one["shard"], range(1, shards + 1))
            self.assertLessEqual(one["records_done"], one["records_total"])
            self.assertLessEqual(one["runs_done"], one["runs_total"])
            self.assertTrue(one["sentence"].startswith(f"shard {one['shard']} of {shards}, "), one)
        self.assertEqual(stats["runs"]["open"] + stats["runs"]["completed"], RUNS)
        if text.startswith("recovering"):
            self.assertRegex(text, rf"^recovering: shard \d of {shards}, [\d,]+ of [\d,]+ records.*\n$")
        self.finish(early["signal"])
        self.assertEqual(len(cli.json.loads(self.finish(early["list"]))), 2)
        shown = self.until(lambda: self.shown_completed("7"), "the run that was signaled early ends")
        self.assertEqual(shown["result"], [7])
        self.assertEqual(server.stop(), 0)

    def shown_completed(self, run):
        shown = self.ask("show", run, "-o", "json").json
        return shown if shown["state"] == "completed" else None

    def test_stats_say_how_far_a_server_is_that_recovers(self):
        self.see_it_recover(1)

    def test_stats_say_how_far_a_server_with_two_shards_is(self):
        self.see_it_recover(2)

    def test_a_server_that_says_it_is_ready_has_recovered(self):
        self.leave_runs(2)
        server = self.begin()
        server.ready()
        self.assertEqual(self.ask("stats", "-o", "json").json["runs"]["open"], RUNS)

    def test_a_command_that_opens_the_directory_itself_asks_when_it_has_recovered(self):
        self.leave_runs(2)
        self.assertEqual(self.expect(self.here("stats", "-o", "json"), OK).json["runs"]["open"], RUNS)


if __name__ == "__main__":
    cli.main()
