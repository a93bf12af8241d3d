#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs by the command line: with a server, and the same lines without one."""

import cli
from cli import FAILED, NO_ANSWER, NOT_FOUND, OK, REFUSED, USAGE, CliTest


class Runs:
    """What holds in both ways; self.run_() is a command on the test's directory."""

    def start(self, workflow, *arguments):
        return self.expect(self.run_("start", workflow, "-o", "json", *arguments), OK).json

    def show(self, run):
        return self.expect(self.run_("show", run, "-o", "json"), OK).json

    def test_start_prints_the_ids(self):
        answer = self.expect(self.run_("start", "echo", "--id", "order-1"), OK)
        self.assertRegex(answer.out, r"^[0-9a-f]{16}  order-1\n$")
        started = self.start("echo")
        self.assertEqual(started["run_id"], started["workflow_id"])
        self.assertIs(started["existing"], False)

    def test_wait_prints_the_result(self):
        self.assertEqual(self.expect(self.run_("start", "echo", "--wait", "-i", '{"a":1}'), OK).out, '{"a":1}\n')
        document = self.start("call", "--wait", "-i", '"echo"', "--id", "c")
        self.assertEqual((document["state"], document["result"]), ("completed", "echo"))

    def test_a_run_says_what_it_is_blocked_on(self):
        self.start("wait", "--id", "w")
        shown = self.until(lambda: self.show("w").get("blocked_on") and self.show("w"), "blocked on the signal")
        self.assertEqual((shown["state"], shown["workflow"]), ("open", "wait"))
        self.assertIn("go", shown["blocked_on"][0]["sentence"])
        text = self.expect(self.run_("show", "w"), OK).out
        self.assertIn("blocked on", text)
        self.assertFalse([line for line in text.split("\n") if line != line.rstrip()])

    def test_a_signal_reaches_its_run(self):
        self.start("wait", "--id", "w")
        self.expect(self.run_("signal", "w", "go", "-i", "[1]"), OK)
        self.until(lambda: self.show("w")["state"] == "completed", "the run ends")
        self.assertEqual(self.show("w")["result"], [1])
        self.expect_refusal(self.run_("signal", "w", "go"), REFUSED)
        self.expect_json_refusal(self.run_("cancel", "w", "-o", "json"), REFUSED, "ECLOSED")

    def test_a_signal_with_the_same_request_id_is_applied_once(self):
        self.start("wait", "--id", "w")
        for _ in range(2):
            self.expect(self.run_("signal", "w", "other", "--request-id", "r1"), OK)
        history = self.run_("history", "w", "-o", "json").json
        self.assertEqual(sum(entry["event"].get("name") == "other" for entry in history), 1, history)

    def test_a_query_is_answered_and_writes_nothing(self):
        self.start("wait", "--id", "w")
        before = self.show("w")["transitions"]
        self.assertEqual(self.expect(self.run_("query", "w", "progress"), OK).json, "waiting")
        self.assertEqual(self.show("w")["transitions"], before)
        self.expect_refusal(self.run_("query", "w", "weather"), NOT_FOUND, "weather", "progress")

    def test_cancel_and_terminate_end_a_run(self):
        for verb, state in (("cancel", "canceled"), ("terminate", "terminated")):
            self.start("wait", "--id", verb)
            document = self.expect(self.run_(verb, verb, "--reason", "because", "-o", "json"), OK).json
            self.assertEqual(document, {"command": verb, "run": verb})
            self.until(lambda verb=verb, state=state: self.show(verb)["state"] == state, "the run ends")

    def test_an_id_of_an_open_run_is_refused_or_used(self):
        first = self.start("wait", "--id", "w")
        self.expect_refusal(self.run_("start", "wait", "--id", "w"), REFUSED, "w")
        again = self.start("wait", "--id", "w", "--on-conflict", "use-existing")
        self.assertEqual((again["run_id"], again["existing"]), (first["run_id"], True))
        new = self.start("wait", "--id", "w", "--on-conflict", "terminate-existing")
        self.assertNotEqual(new["run_id"], first["run_id"])
        self.until(lambda: self.show(first["run_id"])["state"] == "terminated", "the first is terminated")

    def test_an_id_that_was_used_is_refused_or_used_again(self):
        self.start("echo", "--id", "e", "--wait")
        self.expect_refusal(self.run_("start", "echo", "--id", "e", "--on-reuse", "reject"), REFUSED, "e")
        self.expect_refusal(self.run_("start", "echo", "--id", "e", "--on-reuse", "failed-only"), REFUSED, "e")
        self.start("echo", "--id", "e", "--wait")
        self.run_("start", "fails", "--id", "f", "--wait")
        self.start("echo", "--id", "f", "--on-reuse", "failed-only")

    def test_a_start_with_the_same_request_id_is_done_once(self):
        first = self.start("echo", "--request-id", "r1")
        again = self.start("echo", "--request-id", "r1")
        self.assertEqual((again["run_id"], again["existing"]), (first["run_id"], True))
        self.assertEqual(len(self.run_("list", "-o", "json").json), 1)

    def test_attributes_are_shown_and_listed(self):
        given = ("city=Zürich", "size=-7", "urgent=true", "code=007", "note=", "sum=a=b", "big=9223372036854775808")
        self.start("wait", "--id", "w", *(word for each in given for word in ("--attribute", each)))
        self.start("wait", "--id", "plain")
        attributes = {
            "city": "Zürich",
            "size": -7,
            "urgent": True,
            "code": "007",
            "note": "",
            "sum": "a=b",
            "big": "9223372036854775808",
        }
        self.assertEqual(self.show("w")["attributes"], attributes)
        self.assertNotIn("attributes", self.show("plain"))
        listed = {run["workflow_id"]: run.get("attributes") for run in self.run_("list", "-o", "json").json}
        self.assertEqual(listed, {"w": attributes, "plain": None})
        self.assertIn("Zürich", self.expect(self.run_("show", "w"), OK).out)

    def test_attributes_that_are_none_are_refused(self):
        for given, word in (
            (("nothing",), "NAME=VALUE"),
            (("=1",), "1 to 64 bytes"),
            (("x" * 65 + "=1",), "1 to 64 bytes"),
            (("a=1", "a=2"), "twice"),
            (("a=" + "x" * 257,), "257"),
            ([f"a{i}=1" for i in range(33)], "33"),
        ):
            arguments = [word for each in given for word in ("--attribute", each)]
            self.expect_refusal(self.run_("start", "wait", *arguments), USAGE, word)
        self.assertEqual(self.run_("list", "-o", "json").json, [])

    def test_a_wait_that_runs_out_says_that_the_run_goes_on(self):
        answer = self.run_("start", "wait", "--id", "w", "--wait", "--timeout", "200ms")
        self.expect_refusal(answer, NO_ANSWER, "goes on")
        self.assertEqual(self.show("w")["state"], "open")

    def test_the_list_is_filtered_and_paged(self):
        for number in range(5):
            self.start("echo", "--wait", "--id", f"e{number}")
        self.start("wait", "--id", "w")
        runs = self.run_("list", "-o", "json").json
        self.assertEqual([run["workflow_id"] for run in runs], ["w", "e4", "e3", "e2", "e1", "e0"])
        pages, before = [], ()
        while page := self.run_("list", "--limit", "2", *before, "-o", "json").json:
            pages += page
            before = ("--before", page[-1]["run_id"])
        self.assertEqual(pages, runs)
        for arguments, found in (
            (("--state", "open"), ["w"]),
            (("--workflow", "wait"), ["w"]),
            (("--state", "completed", "--limit", "1"), ["e4"]),
            (("--workflow", "none"), []),
        ):
            listed = self.run_("list", *arguments, "-o", "json").json
            self.assertEqual([run["workflow_id"] for run in listed], found)
        self.assertIn("no runs", self.run_("list", "--workflow", "none").out)

    def test_tables_are_aligned_without_spaces_at_the_end(self):
        for run_id in ("short", "注文-☃", "a-much-longer-id"):
            self.start("echo", "--id", run_id, "--wait")
        lines = self.expect(self.run_("list"), OK).out.rstrip("\n").split("\n")
        self.assertEqual(len(lines), 4)
        place = lines[0].index("WORKFLOW ID")
        self.assertTrue(all(line[place - 2 : place] == "  " and line[place] != " " for line in lines), lines)
        self.assertFalse([line for line in lines if line != line.rstrip()])

    def test_a_history_tells_what_happened(self):
        self.start("call", "--wait", "-i", '"echo"', "--id", "c")
        history = self.run_("history", "c", "-o", "json").json
        self.assertEqual(history[0]["event"]["type"], "start")
        self.assertIn("finish", [effect["type"] for effect in history[-1]["effects"]])
        sequence = [entry["seq"] for entry in history]
        self.assertEqual(sequence, sorted(set(sequence)))
        text = self.expect(self.run_("history", "c"), OK).out
        self.assertIn("+0 ms", text)
        self.assertIn("→", text)
        rest = self.run_("history", "c", "--from", str(sequence[1]), "--limit", "1", "-o", "json").json
        self.assertEqual([entry["seq"] for entry in rest], sequence[1:2])

    def test_stats_and_executors_are_told(self):
        self.start("echo", "--wait")
        self.assertIsInstance(self.expect(self.run_("stats", "-o", "json"), OK).json, dict)
        self.assertLessEqual({"executors", "queues"}, self.run_("executors", "-o", "json").json.keys())
        for verb in ("stats", "executors"):
            self.assertTrue(self.expect(self.run_(verb), OK).out)

    def test_what_a_run_returns_cannot_steer_the_terminal(self):
        self.start("echo", "--wait", "--id", "e", "-i", '"\\u001b[2J\\u009b\\u202e"')
        for verb in ("show", "history"):
            text = self.run_(verb, "e").out
            self.assertFalse([character for character in text if character in "\x1b\x9b\u202e"])
        self.assertEqual(self.run_("list", "--state", "failed").code, OK)


class WithServer(Runs, CliTest):
    def setUp(self):
        super().setUp()
        self.server = self.serve()

    def run_(self, verb, *arguments):
        return self.stet(verb, *arguments, "--connect", self.server.endpoint)

    def test_runs_survive_a_kill_of_the_server(self):
        self.start("wait", "--id", "w")
        self.server.popen.kill()
        self.server.wait()
        self.server = self.serve()
        self.expect(self.run_("signal", "w", "go", "-i", "7"), OK)
        self.until(lambda: self.show("w").get("result") == 7, "the run ends")

    def test_an_executor_runs_what_the_server_does_not(self):
        self.assertEqual(self.server.stop(), OK)
        self.server = self.serve("--executors", "0", verb="serve")
        self.start("call", "-i", '"echo"', "--id", "c")
        self.assertEqual(self.show("c")["state"], "open")
        work = cli.Process(self, ["work", "--connect", self.server.endpoint, "--module", cli.MODULE, "--name", "w-1"])
        self.until(lambda: self.show("c")["state"] == "completed", "the activity is executed")
        self.assertIn("w-1", self.run_("executors").out)
        self.assertEqual(work.stop(), OK)


class WithoutServer(Runs, CliTest):
    def run_(self, verb, *arguments):
        return self.here(verb, *arguments)

    def test_a_waiting_start_can_be_talked_to(self):
        waiting = cli.Process(
            self, ["start", "wait", "--wait", "--id", "w", "--data", self.data, "--module", cli.MODULE]
        )
        self.until(lambda: self.stet("show", "w", "--data", self.data).code == OK, "the run is there")
        self.expect(self.stet("signal", "w", "go", "-i", "7", "--data", self.data), OK)
        self.assertEqual(waiting.wait(), OK)
        self.assertEqual(waiting.popen.stdout.read(), b"7\n")


# Neither verb's failure is a usage error; asserted here once for all endings.
class Endings(CliTest):
    def test_a_run_that_is_terminated_while_one_waits_is_a_failure(self):
        self.serve()
        waiting = cli.Process(self, ["start", "wait", "--wait", "--id", "w", "--data", self.data])
        self.until(lambda: self.stet("show", "w", "--data", self.data).code == OK, "the run is there")
        self.expect(self.stet("terminate", "w", "--data", self.data), OK)
        self.assertEqual(waiting.wait(), FAILED)
        self.assertIn("was terminated", waiting.err())


if __name__ == "__main__":
    cli.main()
