#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""stet verify on damaged copies of a real directory: what is damaged is named, and what changed is not called whole.

Environment, besides cli.py's: STET_DUMP, the program dump_histories; STET_SEED, to try other damages;
STET_DAMAGES, how many of each kind.
"""

import base64
import hashlib
import json
import os
import random
import shutil
import subprocess

import cli
from cli import BOUND_S, DATA, FAILED, MODULE, OK, CliTest

DUMP = os.path.abspath(os.environ["STET_DUMP"])
SEED = int(os.environ.get("STET_SEED", "1"))
COUNT = int(os.environ.get("STET_DAMAGES", "80"))
SHARDS = 2


def marker(number):
    """A text that only one run has, longer than a page for some. Nothing in its beginning repeats, so that it stands
    as it is in a packed history, too."""
    beginning = base64.b64encode(hashlib.sha256(b"%d" % number).digest())[:19].decode()
    return f"<{beginning}>" + f"{number:04}-" * (3000 if number % 60 == 0 else 12)


def flip(content, bit):
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


class VerifyTest(CliTest):
    """Every test works on copies of one directory, made once."""

    kept = None  # the directory's files by name, and what it holds

    def setUp(self):
        super().setUp()
        if VerifyTest.kept is None:
            self.make()
        self.files, self.histories, self.run_of = VerifyTest.kept
        self.write(self.files)

    def write(self, files):
        shutil.rmtree(self.data, ignore_errors=True)
        os.mkdir(self.data, 0o700)
        for name, content in files.items():
            with open(os.path.join(self.data, name), "wb") as file:
                file.write(content)

    def put(self, name, content):
        with open(os.path.join(self.data, name), "wb") as file:
            file.write(content)

    def dump(self):
        """Every run's history; None with the reason if the directory can't be opened."""
        dump = subprocess.run(
            [DUMP, self.data], env=self.environment, capture_output=True, timeout=BOUND_S, check=False
        )
        return (dump.stdout, "") if dump.returncode == 0 else (None, f"{dump.returncode}: {dump.stderr.decode()}")

    def make(self):
        """Some hundred runs of every kind, in several commits."""
        server = self.serve("--shards", str(SHARDS), verb="serve")
        ask = ("--connect", server.endpoint)
        for number in range(240):
            workflow = ("echo", "wait", "call", "fails")[number % 4]
            given = '"echo"' if workflow == "call" else json.dumps(marker(number))
            self.expect(self.stet("start", workflow, "--id", f"run-{number}", "-i", given, *ask), OK)
            if number % 8 == 1:
                value = json.dumps(marker(number + 1000))
                self.expect(self.stet("signal", f"run-{number}", "go", "-i", value, *ask), OK)
        self.assertEqual(server.stop(), OK)
        names = sorted(name for name in os.listdir(self.data) if name.endswith((".log", ".store")))
        self.assertEqual(len(names), 2 * SHARDS)
        files = self.read([*names, "stet.meta"])
        VerifyTest.kept = (files, *self.look())

    def read(self, names):
        files = {}
        for name in names:
            with open(os.path.join(self.data, name), "rb") as file:
                files[name] = file.read()
        return files

    def look(self):
        """The dump, and for each marker the run and the LSN of its record."""
        histories, why = self.dump()
        self.assertIsNotNone(histories, why)
        run_of = {}
        for line in histories.decode().splitlines():
            run, transitions = line.split("\t")[0:2]
            for transition in json.loads(transitions):
                event = transition["event"]
                value = event.get("value")
                if event["type"] in ("start", "signal") and isinstance(value, str) and value.startswith("<"):
                    run_of[value] = (run, transition["lsn"])
        self.assertGreater(len(run_of), 150)
        return histories, run_of

    def verify(self, case):
        """The exit code and the document; whatever happened, a sentence and no crash."""
        answer = self.stet("verify", self.data, "-o", "json")
        self.assertIn(answer.code, (OK, FAILED, DATA), f"{case}: {answer}")
        if answer.code == DATA:
            self.assertTrue(json.loads(answer.err)["message"], f"{case}: {answer}")
            return answer.code, None
        self.assertEqual(answer.json["whole"], answer.code == OK, f"{case}: {answer}")
        self.assertEqual(answer.json["damaged"] > 0, answer.code == FAILED, f"{case}: {answer}")
        self.assertTrue(all(damage["sentence"] for damage in answer.json["damages"]), f"{case}: {answer}")
        if answer.code == FAILED:
            self.assertTrue(json.loads(answer.err)["message"], f"{case}: {answer}")
        return answer.code, answer.json

    def check_whole_is_unchanged(self, code, case):
        """The dump opens the directory, and so changes it; another one is put in its place."""
        if code == OK:
            histories, why = self.dump()
            self.write(self.files)
            self.assertIsNotNone(histories, f"{case}: called whole, but can't be opened: {why}")
            self.assertEqual(histories, self.histories, f"{case}: called whole, but the histories differ")
        return code == OK


class Damage(VerifyTest):
    def cases(self, name, count):
        """Random numbers for each case, the same for a seed whatever the other cases do."""
        for number in range(count):
            yield random.Random(f"{SEED}/{name}/{number}"), f"STET_SEED={SEED} {name} {number}"

    def test_a_sound_directory_is_whole_and_left_as_it_is(self):
        before = self.read(self.files)
        code, document = self.verify("sound")
        self.assertEqual(code, OK)
        self.assertEqual(document["shards"], SHARDS)
        self.assertEqual(self.read(self.files), before)

    def test_a_flipped_bit_in_a_record_is_told_with_its_run_and_its_lsn(self):
        markers = sorted(self.run_of)
        for rng, case in self.cases("record", COUNT):
            text = rng.choice(markers).encode()
            run, lsn = self.run_of[text.decode()]
            # Enough of it to tell it from others; in every copy, since old pages may have it, too.
            piece, bit = text[4:20], rng.randrange(16 * 8)
            shard = f"shard-{int(run[:4], 16)}"
            names = [name for name in (f"{shard}.log", f"{shard}.store") if piece in self.files[name]]
            self.assertTrue(names, case)
            for name in names:
                self.put(name, self.files[name].replace(piece, flip(piece, bit)))
            code, document = self.verify(case)
            self.assertEqual(code, FAILED, case)
            named = [(damage["run_id"], damage["lsn"]) for damage in document["damages"]]
            self.assertTrue(any(found == run and at <= lsn for found, at in named), f"{case}: {run} {lsn} in {named}")
            self.assertIn(f"run {run}", self.stet("verify", self.data).out, case)
            self.write(self.files)

    def test_what_is_called_whole_after_a_flipped_bit_is_unchanged(self):
        names = sorted(name for name in self.files if name.startswith("shard-"))
        whole = 0
        for rng, case in self.cases("anywhere", COUNT):
            name = rng.choice(names)
            content = self.files[name]
            self.put(name, flip(content, rng.randrange(len(content) * 8)))
            code, _ = self.verify(f"{case} {name}")
            whole += self.check_whole_is_unchanged(code, f"{case} {name}")
            self.put(name, content)
        self.assertLess(whole, COUNT, "no flipped bit was noticed at all")

    def test_what_is_called_whole_after_a_flipped_bit_in_its_first_pages_is_unchanged(self):
        for rng, case in self.cases("meta", COUNT // 2):
            name = rng.choice(("shard-0.log", "shard-0.store"))
            content = self.files[name]
            self.put(name, flip(content, rng.randrange(2 * 4096 * 8)))
            code, _ = self.verify(f"{case} {name}")
            self.check_whole_is_unchanged(code, f"{case} {name}")
            self.put(name, content)

    def test_a_file_that_was_cut_is_not_called_whole_unless_nothing_is_missing(self):
        for rng, case in self.cases("cut", COUNT // 2):
            name = f"shard-{rng.randrange(SHARDS)}.{rng.choice(('log', 'store'))}"
            content = self.files[name]
            size = rng.randrange(len(content))
            if rng.random() < 0.5:
                size -= size % 4096
            self.put(name, content[:size])
            code, _ = self.verify(f"{case} at {size} of {len(content)}")
            self.check_whole_is_unchanged(code, f"{case} at {size} of {len(content)}")
            self.put(name, content)

    def test_a_file_that_is_missing_or_another_shards_is_not_called_whole(self):
        for kind in ("log", "store"):
            os.unlink(os.path.join(self.data, f"shard-1.{kind}"))
            self.assertNotEqual(self.verify("missing")[0], OK)
            self.put(f"shard-1.{kind}", self.files[f"shard-0.{kind}"])
            self.assertNotEqual(self.verify("swapped")[0], OK)
            self.write(self.files)

    def test_a_log_or_store_from_another_past_is_not_called_whole(self):
        """Each file is sound, and they don't belong together."""
        before = self.files
        self.expect(self.here("start", "echo", "--wait", "--id", "later-0"), OK)
        self.expect(self.here("start", "echo", "--wait", "--id", "later-1"), OK)
        self.expect(self.here("start", "echo", "--wait", "--id", "later-2"), OK)
        self.assertEqual(self.verify("gone on")[0], OK)
        after = self.read(self.files)
        for kind in ("log", "store"):
            for shard in range(SHARDS):
                name = f"shard-{shard}.{kind}"
                other = f"shard-{shard}.{'store' if kind == 'log' else 'log'}"
                if after[name] == before[name] or after[other] == before[other]:
                    continue
                self.write(after | {name: before[name]})
                if self.verify(f"older {name}")[0] == OK:
                    self.assertEqual(kind, "store", "an older log was called whole")


if __name__ == "__main__":
    print(f"# STET_SEED={SEED}", flush=True)
    cli.main()
