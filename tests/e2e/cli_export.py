#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A run as one file: what it says is what its node said, wherever it is read; a file that is not whole is refused."""

import json
import os
import re
import struct

import cli
from cli import DATA, NOT_FOUND, OK, REFUSED, USAGE, CliTest

RUNS = (
    ("e", "echo", '{"a": [1, null, "☃"]}'),
    ("f", "fails", "null"),
    ("w", "wait", "7"),
    ("c", "call", '"echo"'),
    ("n", "call", '"hang"'),
)


def without_ago(text):
    """Text as `show` prints it, without what passes."""
    return re.sub(r", [^,]* ago$", "", text, flags=re.MULTILINE)


class ExportTest(CliTest):
    def file(self, name):
        return self.path(f"{name}.stet")

    def start(self, name, workflow, given, *ask):
        self.expect(self.stet("start", workflow, "--id", name, "-i", given, *ask), OK)

    def make(self):
        """Runs of several kinds in a directory that nobody holds."""
        server = self.serve()
        for name, workflow, given in RUNS:
            self.start(name, workflow, given, "--connect", server.endpoint)
        for name in ("other", "go"):
            self.expect(self.stet("signal", "w", name, "-i", '"s"', "--connect", server.endpoint), OK)
        self.start("x", "wait", "1", "--connect", server.endpoint)
        self.until(lambda: self.state("c", server) == "completed", "the activity is done")
        server.popen.kill()
        server.wait()

    def state(self, name, server):
        return self.stet("show", name, "-o", "json", "--connect", server.endpoint).json["state"]

    def export(self, name, *arguments):
        return self.stet("export", name, "-o", self.file(name), "--data", self.data, *arguments)


class Whole(ExportTest):
    def test_a_file_tells_what_the_node_told(self):
        self.make()
        for name in ("e", "f", "w", "c", "x"):
            self.expect(self.export(name), OK)
            for verb in ("show", "history"):
                live = self.expect(self.stet(verb, name, "--data", self.data), OK)
                told = self.expect(self.stet(verb, self.file(name)), OK, "as it was exported")
                self.assertEqual(without_ago(told.out), without_ago(live.out))
                live = self.stet(verb, name, "--data", self.data, "-o", "json").json
                told = self.expect(self.stet(verb, self.file(name), "-o", "json"), OK)
                self.assertEqual((told.json, told.err), (live, ""))

    def test_a_run_of_a_server_is_exported_while_it_goes_on(self):
        server = self.serve()
        self.start("n", "call", '"hang"', "--connect", server.endpoint)
        answer = self.stet("export", "n", "-o", self.file("n"), "--output", "json", "--connect", server.endpoint)
        document = self.expect(answer, OK).json
        self.assertEqual(document["file"], self.file("n"))
        self.assertEqual(document["bytes"], os.path.getsize(self.file("n")))
        shown = self.stet("show", self.file("n"), "-o", "json").json
        self.assertEqual((shown["run_id"], shown["transitions"]), (document["run_id"], document["transitions"]))
        self.assertTrue(shown["blocked_on"][0]["sentence"])

    def test_a_file_needs_no_directory_and_makes_none(self):
        self.make()
        self.expect(self.export("e"), OK)
        os.rename(self.data, self.path("away"))
        before = sorted(os.listdir(self.directory))
        self.assertEqual(self.stet("show", "e.stet", "-o", "json").json["state"], "completed")
        self.assertEqual(sorted(os.listdir(self.directory)), before)

    def test_values_as_large_as_may_be_are_exported_whole(self):
        with open(self.path("big.json"), "w", encoding="ascii") as file:
            json.dump("x" * (2 * 1024 * 1024 - 8), file)
        self.expect(self.here("start", "echo", "--wait", "--id", "big", "-i", f"@{self.path('big.json')}"), OK)
        self.expect(self.export("big"), OK)
        [only] = self.expect(self.stet("history", self.file("big"), "-o", "json"), OK).json
        self.assertEqual(only["event"]["value"], only["effects"][0]["value"])
        self.assertEqual(len(only["event"]["value"]), 2 * 1024 * 1024 - 8)
        shown = self.expect(self.stet("show", self.file("big"), "-o", "json"), OK).json
        self.assertEqual(shown, self.stet("show", "big", "--data", self.data, "-o", "json").json)
        self.assertGreater(shown["result_bytes"], 2 * 1024 * 1024 - 8)

    def test_a_page_of_a_history_is_the_same_from_a_file(self):
        self.make()
        self.expect(self.export("w"), OK)
        for page in (("--from", "1"), ("--from", "1", "--limit", "1"), ("--from", "9")):
            live = self.stet("history", "w", *page, "--data", self.data)
            self.assertEqual(self.stet("history", self.file("w"), *page).out, live.out)

    def test_the_word_json_after_o_is_still_the_output(self):
        self.make()
        answer = self.stet("export", "e", "-o", "json", "-o", self.file("e"), "--data", self.data)
        self.assertEqual(self.expect(answer, OK).json["transitions"], 1)


class Refused(ExportTest):
    def refuse_file(self, content, code, error, *words):
        with open(self.file("bad"), "wb") as file:
            file.write(content)
        for verb in ("show", "history"):
            self.expect_refusal(self.stet(verb, self.file("bad")), code, self.file("bad"), *words)
            self.expect_json_refusal(self.stet(verb, self.file("bad"), "-o", "json"), code, error)

    def exported(self):
        self.make()
        self.expect(self.export("w"), OK)
        with open(self.file("w"), "rb") as file:
            return file.read()

    def test_a_damaged_file_is_refused_with_a_sentence(self):
        content = self.exported()
        for place in (17, 40, 150, len(content) - 1):
            changed = bytearray(content)
            changed[place] ^= 4
            self.refuse_file(bytes(changed), DATA, "ECORRUPT", "damaged")

    def test_a_cut_file_is_refused_with_a_sentence(self):
        content = self.exported()
        for size in (9, 30, len(content) // 2, len(content) - 1):
            self.refuse_file(content[:size], DATA, "ECORRUPT", "cut short")

    def test_a_foreign_file_is_refused_with_a_sentence(self):
        for content in (b"", b"{}", b"PK\3\4" * 50):
            self.refuse_file(content, DATA, "EFORMAT", "no exported run")
        os.mkdir(self.path("directory.stet"))
        self.expect_refusal(self.stet("show", self.path("directory.stet")), DATA, "directory.stet")

    def test_a_file_of_a_newer_format_is_refused_with_a_sentence(self):
        head = b"stet run" + struct.pack("<II", 2, 100)
        self.refuse_file(head + struct.pack("<I", crc32c(head)) + b"?" * 50, DATA, "ENEWER", "format 2")

    def test_a_missing_file_is_refused(self):
        self.expect_refusal(self.stet("show", "none.stet"), NOT_FOUND, "none.stet")

    def test_a_file_is_not_looked_for_in_a_directory(self):
        for option in ("--data", "--connect"):
            answer = self.stet("show", "e.stet", option, "tcp://127.0.0.1:1")
            self.expect_refusal(answer, USAGE, "e.stet", option)

    def test_a_file_that_is_there_is_replaced_only_by_force(self):
        self.make()
        with open(self.file("e"), "w", encoding="utf-8") as file:
            file.write("42")
        self.expect_refusal(self.export("e"), REFUSED, self.file("e"), "--force")
        with open(self.file("e"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "42")
        self.expect(self.export("e", "--force"), OK)
        self.expect(self.stet("show", self.file("e")), OK)

    def test_what_can_not_be_written_leaves_nothing_behind(self):
        self.make()
        before = sorted(os.listdir(self.directory))
        self.expect_refusal(self.export("none"), NOT_FOUND, "none")
        answer = self.stet("export", "e", "-o", self.path("no", "e.stet"), "--data", self.data)
        self.expect_refusal(answer, DATA, self.path("no"))
        self.assertEqual(sorted(os.listdir(self.directory)), before)

    def test_a_name_that_is_not_told_or_would_not_be_known_again_is_refused(self):
        self.expect_refusal(self.stet("export", "e", "--data", self.data), USAGE, "-o FILE.stet")
        self.expect_refusal(self.stet("export", "e", "-o", "e.bin", "--data", self.data), USAGE, ".stet")
        self.expect_refusal(self.stet("export", "e.stet", "-o", "f.stet"), USAGE, "e.stet")


def crc32c(data):
    """RFC 3720, appendix B.4, a bit at a time."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


if __name__ == "__main__":
    cli.main()
