#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What users hand in: JSON, sizes, ids and names. A refusal does nothing at all."""

import json
import os

import cli
from cli import NOT_FOUND, OK, USAGE, CliTest

VALUE_SIZE_MAX = 2 * 1024 * 1024


class Json(CliTest):
    def refuse(self, text, *words):
        answer = self.expect_refusal(self.here("start", "echo", "--input", text), USAGE, *words)
        self.assertFalse(os.path.exists(self.data), "a refused input made the data directory")
        return answer

    def test_malformed_json_is_refused_with_line_and_column(self):
        self.refuse("{bad", "--input", "line 1", "column")
        self.refuse('{"a": 1,\n "b": }', "line 2", "column")
        self.refuse("", "line 1")
        self.refuse("{} {}", "line 1")
        self.refuse('{"a": 1, "a": 2}', "--input")

    def test_a_file_is_read_and_named_in_mistakes(self):
        with open(self.path("in.json"), "w", encoding="utf-8") as file:
            file.write("[1,\n2,\n")
        self.refuse("@in.json", "in.json", "line")
        self.refuse("@missing.json", "missing.json", "No such file")
        self.refuse("@.", "can't be read")

    def test_standard_input_is_read(self):
        answer = self.here("start", "echo", "--wait", "--input", "-", given=b'{"a": [1, 2.5, null]}')
        self.assertEqual(self.expect(answer, OK).json, {"a": [1, 2.5, None]})
        self.expect_refusal(self.here("start", "echo", "--input", "-", given=b"\xff"), USAGE, "standard input")
        self.expect_refusal(self.here("start", "echo", "--input", "-", given=b"1\x00"), USAGE, "standard input")

    def test_values_come_back_as_they_went_in(self):
        value = {"text": "käse ☃ \u0000 \n", "big": 2**62, "small": -(2**63), "list": [[], {}, [True, None]], "f": 0.1}
        answer = self.here("start", "echo", "--wait", "--input", json.dumps(value))
        self.assertEqual(self.expect(answer, OK).json, value)


class Size(CliTest):
    def text_of(self, size):
        """JSON whose value has so many bytes: a text, and the five bytes before it."""
        return json.dumps("a" * (size - 5)).encode()

    def test_an_input_over_the_limit_is_refused(self):
        answer = self.here("start", "echo", "--input", "-", given=self.text_of(VALUE_SIZE_MAX + 1))
        self.expect_refusal(answer, USAGE, str(VALUE_SIZE_MAX))
        answer = self.here("start", "echo", "-o", "json", "--input", "-", given=b" " * (20 * VALUE_SIZE_MAX))
        self.expect_json_refusal(answer, USAGE, "ETOOBIG")
        self.assertFalse(os.path.exists(self.data))

    def test_an_input_at_the_limit_comes_back_whole(self):
        text = self.text_of(VALUE_SIZE_MAX)
        answer = self.here("start", "echo", "--wait", "--input", "-", given=text)
        self.assertEqual(answer.code, OK, answer.err)
        self.assertEqual(answer.out.encode().strip(), text)

    def test_an_input_nested_too_deep_is_refused(self):
        answer = self.here("start", "echo", "--input", "-", given=b"[" * 100000)
        self.expect_refusal(answer, USAGE, "standard input")


class Ids(CliTest):
    BAD = ("", "x" * 256, "a\x01b", "a\nb", b"\xff\xfe", b"a\xc0\x80", b"\xed\xa0\x80")

    def runs(self):
        answer = self.expect(self.here("list", "-o", "json"), OK)
        return answer.json

    def setUp(self):
        super().setUp()
        self.expect(self.here("start", "echo", "--id", "first", "--wait"), OK)

    def test_bad_workflow_ids_are_refused(self):
        for bad in self.BAD:
            self.expect_refusal(self.here("start", "echo", "--id", bad), USAGE)
        self.assertEqual([run["workflow_id"] for run in self.runs()], ["first"])

    def test_bad_workflow_names_are_refused(self):
        for bad in self.BAD:
            answer = self.here("start", bad)
            self.assertIn(answer.code, (USAGE, NOT_FOUND), answer)
            self.assertEqual(answer.out, "")
        self.assertEqual(len(self.runs()), 1)

    def test_bad_request_ids_are_refused(self):
        for bad in self.BAD:
            self.expect_refusal(self.here("start", "echo", "--request-id", bad), USAGE)
        self.assertEqual(len(self.runs()), 1)

    def test_bad_signal_names_are_refused(self):
        self.expect(self.here("start", "wait", "--id", "w"), OK)
        for bad in self.BAD:
            self.expect_refusal(self.here("signal", "w", bad), USAGE)
        self.assertEqual(self.here("show", "w", "-o", "json").json["state"], "open")

    def test_ids_of_the_greatest_size_and_of_any_script_are_taken(self):
        for good in ("x" * 255, "bestellung-ü-注文-☃", "a b, \"c\"", "ü" * 127):
            self.expect(self.here("start", "echo", "--id", good), OK)
            self.assertEqual(self.here("show", good, "-o", "json").json["workflow_id"], good)

    def test_an_id_that_nothing_has_is_not_found(self):
        for verb, more in (("show", ()), ("history", ()), ("cancel", ()), ("terminate", ()), ("signal", ("go",))):
            self.expect_refusal(self.here(verb, "nobody", *more), NOT_FOUND, "nobody")
        self.expect_refusal(self.here("query", "nobody", "progress"), NOT_FOUND, "nobody")


if __name__ == "__main__":
    cli.main()
