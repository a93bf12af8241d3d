#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""User code that crashes its process: who it was is said, and what crashes again and again is set aside."""

import cli
from cli import FAILED, INTERNAL, OK, CliTest

CRASHES_MAX = 10  # a run must be set aside long before


class WorkflowCrash(CliTest):
    def crash(self, workflow, *words):
        answer = self.here("start", workflow, "--wait", "--id", "c")
        self.expect(answer, INTERNAL, workflow, *words)
        self.assertEqual(answer.out, "")
        return answer

    def test_a_workflow_that_crashes_is_named_with_its_run_and_signal(self):
        answer = self.crash("crash_later", "SIGSEGV")
        # Without the module, reading runs no workflow.
        [run] = self.expect(self.stet("list", "--data", self.data, "-o", "json"), OK).json
        self.assertIn(run["run_id"], answer.err)

    def test_a_workflow_that_crashes_before_its_start_was_answered_leaves_the_others_alone(self):
        self.crash("crash", "SIGSEGV")
        self.expect(self.here("start", "echo", "--wait", "--id", "e"), OK)

    def test_a_stack_overflow_is_named_as_such(self):
        self.crash("overflow", "overflow", "stack")

    def test_a_server_whose_workflow_crashes_says_so(self):
        server = self.serve()
        self.stet("start", "crash", "--connect", server.endpoint, "--wait", "--timeout", "5s")
        self.assertEqual(server.wait(), INTERNAL)
        self.assertIn("crash", server.err())

    def test_a_run_that_crashes_again_and_again_is_set_aside_and_the_others_go_on(self):
        self.crash("crash_later")
        codes = []

        def set_aside():
            codes.append(self.here("start", "echo", "--wait").code)
            answer = self.here("show", "c", "-o", "json")
            return answer.code == OK and answer.json["state"] == "blocked" and answer.json

        shown = self.until(set_aside, "the run is set aside")
        self.assertTrue(shown["reason"])
        self.assertLess(codes.count(INTERNAL), CRASHES_MAX, codes)
        self.expect(self.here("start", "echo", "--wait", "--id", "e"), OK)
        blocked = self.here("list", "--state", "blocked", "-o", "json").json
        self.assertEqual([run["workflow_id"] for run in blocked], ["c"])
        self.expect(self.here("terminate", "c"), OK)
        self.assertEqual(self.here("show", "c", "-o", "json").json["state"], "terminated")


class ActivityCrash(CliTest):
    def test_an_executor_whose_activity_crashes_is_lost_and_the_server_goes_on(self):
        server = self.serve("--executors", "0", "--lease", "500ms", verb="serve")
        work = cli.Process(self, ["work", "--connect", server.endpoint, "--module", cli.MODULE])
        answer = self.stet("start", "call", "-i", '"boom"', "--wait", "--connect", server.endpoint)
        self.expect(answer, FAILED, "ExecutorLost")
        self.assertEqual(work.wait(), INTERNAL)
        for word in ("boom", "SIGABRT"):
            self.assertIn(word, work.err())
        self.expect(self.stet("start", "echo", "--wait", "--connect", server.endpoint), OK)


if __name__ == "__main__":
    cli.main()
