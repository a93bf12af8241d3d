#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""delete and --retention: what goes, what stays, what is asked first, and that a kill brings nothing back."""

import json
import os
import pty
import signal
import subprocess

import cli
from cli import BOUND_S, NOT_FOUND, OK, REFUSED, STET, USAGE, CliTest


class DeleteTest(CliTest):
    def setUp(self):
        super().setUp()
        self.server = self.serve("--retention", "forever")

    def ask(self, verb, *arguments):
        return self.stet(verb, *arguments, "--connect", self.server.endpoint)

    def read(self, verb, *arguments):
        return self.expect(self.ask(verb, *arguments, "-o", "json"), OK).json

    def run_of(self, workflow, name, *arguments):
        self.ask("start", workflow, "--id", name, "--wait", *arguments)

    def names(self, *arguments):
        return sorted(run["workflow_id"] for run in self.read("list", *arguments))

    def fill(self):
        for number in range(3):
            self.run_of("echo", f"echo-{number}")
            self.run_of("fails", f"fails-{number}")
        self.expect(self.ask("start", "wait", "--id", "open"), OK)


class One(DeleteTest):
    def test_an_ended_run_is_deleted_and_not_found_afterwards(self):
        self.run_of("echo", "a")
        answer = self.expect(self.ask("delete", "a"), OK)
        self.assertEqual(answer.out, "1 run deleted\n")
        for verb in ("show", "history", "delete"):
            self.expect(self.ask(verb, "a"), NOT_FOUND, '"a"')

    def test_a_run_id_names_a_run_as_well(self):
        self.run_of("echo", "a")
        run = self.read("list")[0]["run_id"]
        self.assertEqual(self.read("delete", run), {"command": "delete", "count": 1})
        self.assertEqual(self.names(), [])

    def test_an_open_run_is_refused_with_what_to_do(self):
        self.expect(self.ask("start", "wait", "--id", "w"), OK)
        self.expect(self.ask("delete", "w"), REFUSED, "open", "cancel or terminate it first")
        self.expect(self.ask("delete", "w", "--dry-run"), REFUSED, "cancel or terminate it first")
        self.expect(self.ask("terminate", "w"), OK)
        self.expect(self.ask("delete", "w"), OK)

    def test_a_dry_run_deletes_nothing(self):
        self.run_of("echo", "a")
        self.assertEqual(self.expect(self.ask("delete", "a", "--dry-run"), OK).out, "1 run would be deleted\n")
        self.expect(self.ask("show", "a"), OK)

    def test_a_directory_without_a_server_can_be_deleted_from(self):
        self.run_of("echo", "a")
        self.server.stop()
        self.expect(self.here("delete", "a"), OK)
        self.expect(self.here("show", "a"), NOT_FOUND)

    def test_a_namespace_has_runs_of_its_own(self):
        self.expect(self.ask("start", "echo", "--id", "a", "--namespace", "other", "--wait"), OK)
        self.expect(self.ask("delete", "a"), NOT_FOUND)
        self.expect(self.ask("delete", "a", "--namespace", "other"), OK)
        self.assertEqual(self.names("--namespace", "other"), [])


class Many(DeleteTest):
    def test_a_filter_deletes_what_fits_and_nothing_else(self):
        self.fill()
        answer = self.expect(self.ask("delete", "--state", "failed", "--yes"), OK)
        self.assertEqual(answer.out, "3 runs deleted\n")
        self.assertEqual(self.names(), ["echo-0", "echo-1", "echo-2", "open"])
        self.assertEqual(self.read("delete", "--workflow", "echo", "--yes"), {"command": "delete", "count": 3})
        self.assertEqual(self.names(), ["open"])

    def test_open_runs_never_fit(self):
        self.fill()
        self.assertEqual(self.read("delete", "--ended-before", "0", "--yes")["count"], 6)
        self.assertEqual(self.names(), ["open"])

    def test_age_counts_from_the_end(self):
        self.fill()
        self.assertEqual(self.read("delete", "--ended-before", "1h", "--yes")["count"], 0)
        self.assertEqual(self.expect(self.ask("delete", "--ended-before", "1h"), OK).out, "0 runs deleted\n")

    def test_age_is_a_time_in_utc_as_well(self):
        self.fill()
        for before in ("1970-01-01", "2020-01-01", "2020-01-01T00:00:00Z"):
            self.assertEqual(self.read("delete", "--ended-before", before, "--yes")["count"], 0)
        self.assertEqual(self.read("delete", "--ended-before", "2999-01-01", "--state", "failed", "--yes")["count"], 3)
        self.assertEqual(self.read("delete", "--ended-before", "2999-01-01T00:00:00Z", "--yes")["count"], 3)
        self.assertEqual(self.names(), ["open"])

    def test_a_dry_run_says_how_many_and_which_and_deletes_nothing(self):
        self.fill()
        answer = self.expect(self.ask("delete", "--workflow", "fails", "--dry-run"), OK)
        self.assertIn("3 runs would be deleted", answer.out)
        for number in range(3):
            self.assertIn(f"fails-{number}", answer.out)
        self.assertNotIn("echo", answer.out)
        document = self.read("delete", "--workflow", "fails", "--dry-run")
        self.assertEqual((document["dry_run"], document["count"], len(document["runs"])), (True, 3, 3))
        self.assertEqual(len(self.names()), 7)

    def test_more_than_a_page_is_deleted(self):
        self.run_of("count_down", "chain", "-i", "1000")
        self.assertEqual(self.read("delete", "--workflow", "count_down", "--yes")["count"], 1001)
        self.assertEqual(self.names(), [])

    def test_without_a_terminal_yes_is_needed(self):
        self.fill()
        self.expect(self.ask("delete", "--state", "failed"), USAGE, "3 runs", "--yes")
        self.expect(self.ask("delete", "--state", "failed", "-o", "json"), USAGE, "--yes")
        self.assertEqual(len(self.names()), 7)

    def test_mistakes_are_told_before_anything_happens(self):
        self.expect(self.ask("delete"), USAGE, "RUN", "--ended-before")
        self.expect(self.ask("delete", "a", "--state", "failed"), USAGE, "choose many")
        self.expect(self.ask("delete", "--state", "open", "--yes"), USAGE, "cancel or terminate")
        self.expect(self.ask("delete", "--state", "gone", "--yes"), USAGE, "--state")
        self.expect(self.ask("delete", "--ended-before", "soon", "--yes"), USAGE, "--ended-before")
        self.expect(self.ask("delete", "--ended-before", "2026-02-30", "--yes"), USAGE, "'2026-02-30' is no time")
        self.assertEqual(self.names(), [])

    def answer_on_terminal(self, text):
        """What the command said when a person was asked, and its exit code."""
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        process = subprocess.Popen(
            [STET, "delete", "--state", "failed", "--connect", self.server.endpoint],
            env=self.environment,
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
        )
        os.close(slave)
        os.write(master, text)
        out, _ = process.communicate(timeout=BOUND_S)
        return out.decode(), process.returncode

    def test_on_a_terminal_a_person_is_asked(self):
        self.fill()
        for text in (b"n\n", b"\n", b"\x04"):
            self.assertEqual(self.answer_on_terminal(text), ("nothing is deleted\n", OK))
        self.assertEqual(len(self.names()), 7)
        self.assertEqual(self.answer_on_terminal(b"y\n"), ("3 runs deleted\n", OK))
        self.assertEqual(len(self.names()), 4)


class Killed(DeleteTest):
    def kill(self):
        self.server.stop(signal.SIGKILL)
        self.server = self.serve("--retention", "forever")

    def test_what_was_deleted_stays_so_and_the_others_are_whole(self):
        for number in range(12):
            self.run_of("echo", f"run-{number}", "--input", str(number))
        for number in range(0, 12, 2):
            self.expect(self.ask("delete", f"run-{number}"), OK)
            self.kill()
        self.assertEqual(self.names(), sorted(f"run-{number}" for number in range(1, 12, 2)))
        for number in range(1, 12, 2):
            self.assertEqual(self.read("show", f"run-{number}")["result"], number)
        self.assertEqual(self.read("stats")["runs"]["completed"], 6)
        self.assertEqual(self.server.stop(), OK)


class Retention(CliTest):
    def ask(self, verb, *arguments):
        return self.stet(verb, *arguments, "--connect", self.server.endpoint)

    def gone(self, run):
        return self.ask("show", run).code == NOT_FOUND

    def test_rules_of_a_server_remove_what_they_say(self):
        self.server = self.serve("--retention", "1s", "--retention", "failed=1h,keep:forever")
        self.ask("start", "echo", "--id", "short", "--wait")
        self.ask("start", "fails", "--id", "long", "--wait")
        self.ask("start", "echo", "--id", "kept", "--namespace", "keep", "--wait")
        self.until(lambda: self.gone("short"), "it is removed")
        self.expect(self.ask("show", "long"), OK)
        self.expect(self.ask("show", "kept", "--namespace", "keep"), OK)

    def test_a_rule_that_is_none_is_told(self):
        answer = self.stet("serve", "--data", self.data, "--retention", "faild=7d")
        self.expect(answer, USAGE, '"faild=7d"', "completed, failed")
        answer = self.stet("dev", "--data", self.data, "--retention", "soon", "-o", "json")
        self.assertEqual((answer.code, json.loads(answer.err)["error"]), (USAGE, "EINVAL"))


if __name__ == "__main__":
    cli.main()
