#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Modules that don't load, have nothing in them, or have what was not asked for."""

import os

import cli
from cli import BAD_MODULE, FAILED, NOT_FOUND, OK, USAGE, CliTest


class Module(CliTest):
    def refuse(self, module, *words):
        for verb, *arguments in (("dev",), ("serve",), ("start", "echo"), ("list",)):
            answer = self.stet(verb, *arguments, "--data", self.data, "--module", module)
            self.expect_refusal(answer, BAD_MODULE, os.path.basename(module), *words)
        answer = self.stet("start", "echo", "--data", self.data, "--module", module, "-o", "json")
        self.expect_json_refusal(answer, BAD_MODULE, "EMODULE")
        self.assertFalse(os.path.exists(self.data), "a refused module made the data directory")

    def test_a_module_that_is_not_there_is_refused(self):
        self.refuse(self.path("missing.so"))

    def test_a_file_that_is_no_module_is_refused(self):
        with open(self.path("text.so"), "w", encoding="utf-8") as file:
            file.write("not a shared object")
        self.refuse(self.path("text.so"))

    def test_a_shared_object_without_stet_module_is_refused(self):
        with open("/proc/self/maps", encoding="utf-8") as file:
            [library] = {line.split()[-1] for line in file if "/libc." in line or "/libc-" in line}
        self.refuse(library, "stet_module")

    def test_a_module_that_registers_nothing_is_refused(self):
        self.refuse(cli.EMPTY)

    def test_work_without_activities_is_refused(self):
        self.expect_refusal(self.stet("work", "--connect", "tcp://127.0.0.1:1"), USAGE, "--module")

    def test_a_module_twice_is_refused(self):
        answer = self.stet("start", "echo", "--data", self.data, "--module", cli.MODULE, "--module", cli.MODULE)
        self.assertNotEqual(answer.code, OK, answer)
        self.assertFalse(os.path.exists(self.data))


class Workflow(CliTest):
    def test_an_unknown_workflow_is_refused_with_those_there_are(self):
        for answer in (self.here("start", "ecko"), self.here("start", "ecko", "--wait")):
            self.expect_refusal(answer, NOT_FOUND, "ecko", "echo", "fails", "wait")
        self.serve()
        answer = self.stet("start", "ecko", "--data", self.data, "-o", "json")
        self.assertIn("echo", self.expect_json_refusal(answer, NOT_FOUND, "ENOTFOUND")["message"])
        self.assertEqual(self.stet("list", "--data", self.data, "-o", "json").json, [])

    def test_a_workflow_that_fails_tells_kind_and_message(self):
        answer = self.here("start", "fails", "--wait")
        self.expect_refusal(answer, FAILED, "OutOfStock", "no lamp left")
        answer = self.here("start", "fails", "--wait", "--id", "f", "-o", "json")
        self.assertEqual(answer.code, FAILED)
        self.assertEqual(answer.json["state"], "failed")
        self.assertEqual(answer.json["failure"], {"kind": "OutOfStock", "message": "no lamp left"})
        shown = self.here("show", "f", "-o", "json").json
        self.assertEqual((shown["state"], shown["failure"]["kind"]), ("failed", "OutOfStock"))

    def test_a_run_waits_for_an_executor_with_its_activity_and_says_so(self):
        answer = self.here("start", "call", "--wait", "-i", '"nothing"', "--timeout", "500ms")
        self.expect_refusal(answer, cli.NO_ANSWER, "goes on")
        [run] = self.here("list", "-o", "json").json
        self.assertIn("nothing", self.here("show", run["run_id"]).out)


if __name__ == "__main__":
    cli.main()
