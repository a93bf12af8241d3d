#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Data directories that are missing, foreign, newer, held or damaged. A refusal changes nothing in them."""

import hashlib
import json
import os
import re

import cli
from cli import DATA, FAILED, OK, CliTest


def fingerprint(directory):
    """Every file's bytes but those of the lock, which says who looked last."""
    found = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            if "lock" not in name and os.path.isfile(path):
                with open(path, "rb") as file:
                    found[path] = hashlib.sha256(file.read()).hexdigest()
    return found


class DataTest(CliTest):
    def make(self):
        self.expect(self.here("start", "echo", "--wait", "--id", "one", "--input", '"' + "marked" * 50 + '"'), OK)


class Missing(DataTest):
    def test_reading_a_missing_directory_is_refused_and_makes_none(self):
        for verb, *arguments in (("list",), ("show", "x"), ("history", "x"), ("stats",), ("signal", "x", "y")):
            answer = self.stet(verb, *arguments, "--data", self.data)
            self.expect_refusal(answer, DATA, "no data directory", self.data)
        self.expect_refusal(self.stet("list"), DATA, "stet-data")
        self.expect_refusal(self.stet("verify", self.data), DATA, self.data)
        self.assertEqual(os.listdir(self.directory), [])

    def test_a_directory_in_a_missing_directory_is_refused(self):
        answer = self.stet("start", "echo", "--data", self.path("no", "data"), "--module", cli.MODULE)
        self.expect_refusal(answer, DATA, self.path("no"))


class Foreign(DataTest):
    def refuse_everywhere(self, *words):
        before = fingerprint(self.directory)
        for verb, *arguments in (("list",), ("start", "echo"), ("dev", "--listen", "tcp://127.0.0.1:0"), ("verify",)):
            self.expect_refusal(self.stet(verb, *arguments, "--data", self.data), DATA, *words)
        self.assertEqual(fingerprint(self.directory), before)

    def test_a_directory_of_other_files_is_refused(self):
        os.mkdir(self.data)
        with open(os.path.join(self.data, "thesis.tex"), "w", encoding="utf-8") as file:
            file.write("42")
        self.refuse_everywhere(self.data)

    def test_a_file_is_refused(self):
        with open(self.data, "w", encoding="utf-8") as file:
            file.write("42")
        self.refuse_everywhere(self.data)

    def test_a_newer_format_is_refused(self):
        self.make()
        path = os.path.join(self.data, "stet.meta")
        with open(path, encoding="utf-8") as file:
            meta = json.load(file)
        meta["format"] += 1
        with open(path, "w", encoding="utf-8") as file:
            json.dump(meta, file)
        self.refuse_everywhere("newer")
        self.expect_json_refusal(self.stet("list", "--data", self.data, "-o", "json"), DATA, "ENEWER")

    def test_a_damaged_meta_file_is_refused(self):
        self.make()
        with open(os.path.join(self.data, "stet.meta"), "w", encoding="utf-8") as file:
            file.write('{"format": 1, "sha')
        self.refuse_everywhere("stet.meta")


class Held(DataTest):
    def test_a_second_server_is_refused_with_the_holders_name(self):
        server = self.serve()
        for verb in ("dev", "serve"):
            answer = self.stet(verb, "--data", self.data, "--listen", "tcp://127.0.0.1:0")
            self.expect_refusal(answer, DATA, self.data, str(server.popen.pid))

    def test_a_command_on_a_held_directory_asks_its_server(self):
        self.serve()
        answer = self.stet("start", "echo", "--wait", "-i", "7", "--data", self.data)
        self.assertEqual(self.expect(answer, OK, "held by a server").json, 7)
        self.environment["STET_DATA"] = self.data
        answer = self.expect(self.stet("list", "-o", "json"), OK)
        self.assertEqual((len(answer.json), answer.err), (1, ""))

    def test_the_directory_in_the_working_directory_is_found(self):
        self.data = self.path("stet-data")
        self.serve()
        self.expect(self.stet("start", "echo", "--wait", "-i", "7"), OK)

    def test_commands_side_by_side_wait_for_each_other(self):
        self.make()
        side = [
            cli.Process(self, ["start", "echo", "--id", f"n{n}", "--data", self.data, "--module", cli.MODULE])
            for n in range(4)
        ]
        self.assertEqual([process.wait() for process in side], [OK] * 4, [process.err() for process in side])
        self.assertEqual(len(self.here("list", "-o", "json").json), 5)


class Damaged(DataTest):
    def logs(self):
        names = (name for name in os.listdir(self.data) if re.fullmatch(r"shard-\d+\.log", name))
        return [os.path.join(self.data, name) for name in names]

    def change(self, marker, change):
        """Changes the log's bytes at the marker's last place."""
        [path] = self.logs()
        with open(path, "r+b") as file:
            text = file.read()
            place = text.rindex(marker)
            file.seek(place)
            file.write(change(text[place : place + len(marker)]))

    def test_a_whole_directory_is_whole(self):
        self.make()
        before = fingerprint(self.data)
        self.assertIn("is whole", self.expect(self.stet("verify", self.data), OK).out)
        document = self.expect(self.stet("verify", "--data", self.data, "-o", "json"), OK).json
        self.assertEqual((document["whole"], document["damages"]), (True, []))
        self.assertGreaterEqual(document["records"], 1)
        self.assertEqual(fingerprint(self.data), before)

    def test_a_directory_in_use_can_be_verified(self):
        self.serve()
        self.expect(self.stet("start", "echo", "--wait", "--data", self.data), OK)
        self.expect(self.stet("verify", self.data), OK)

    def test_a_flipped_bit_is_found_and_its_place_named(self):
        self.make()
        self.change(b"marked", lambda text: bytes([text[0] ^ 1]) + text[1:])
        answer = self.expect(self.stet("verify", self.data), FAILED, "damaged in")
        self.assertIn("lsn", answer.out)
        document = self.stet("verify", self.data, "-o", "json").json
        self.assertFalse(document["whole"])
        self.assertEqual(document["damaged"], len(document["damages"]))
        self.assertTrue(all(damage["sentence"] for damage in document["damages"]))

    def test_a_log_cut_short_is_found(self):
        self.make()
        [path] = self.logs()
        os.truncate(path, os.path.getsize(path) // 2)
        answer = self.stet("verify", self.data)
        self.assertIn(answer.code, (FAILED, DATA), answer)
        self.assertTrue(answer.err.startswith("stet: "), answer)

    def test_a_log_of_noise_ends_in_a_sentence(self):
        self.make()
        [path] = self.logs()
        size = os.path.getsize(path)
        with open(path, "r+b") as file:
            file.write(hashlib.shake_256(b"noise").digest(size))
        answer = self.stet("verify", self.data)
        self.assertIn(answer.code, (FAILED, DATA), answer)
        self.assertTrue(answer.err.startswith("stet: "), answer)


if __name__ == "__main__":
    cli.main()
