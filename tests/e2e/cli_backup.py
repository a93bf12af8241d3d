#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Backups of a directory that is in use, and what is made of them again."""

import hashlib
import json
import os
import random
import signal
import subprocess

import cli
from cli import DATA, OK, USAGE, CliTest

DUMP = os.path.abspath(os.environ["STET_DUMP"])
SHARDS = 2


def fingerprint(directory):
    found = {}
    for name in sorted(os.listdir(directory)):
        if "lock" not in name and os.path.isfile(os.path.join(directory, name)):
            with open(os.path.join(directory, name), "rb") as file:
                found[name] = hashlib.sha256(file.read()).hexdigest()
    return found


class BackupTest(CliTest):
    def setUp(self):
        super().setUp()
        self.backup = self.path("backup")
        self.restored = self.path("restored")

    def make(self, count=12):
        """A directory with runs of several kinds that nobody holds."""
        server = self.serve("--shards", str(SHARDS))
        self.start(server, range(count))
        self.assertEqual(server.stop(), OK)

    def start(self, server, numbers):
        for number in numbers:
            workflow = ("echo", "wait", "call", "fails")[number % 4]
            given = '"echo"' if workflow == "call" else json.dumps(f"<{number}>" * 700)
            ask = ("--connect", server.endpoint)
            self.expect(self.stet("start", workflow, "--id", f"run-{number}", "-i", given, *ask), OK)

    def take(self):
        return self.stet("backup", self.backup, "--data", self.data)

    def restore(self, *arguments):
        return self.stet("restore", self.backup, "--data", self.restored, *arguments)

    def dump(self, directory):
        """Every run's history, by run."""
        dump = subprocess.run(
            [DUMP, directory], env=self.environment, capture_output=True, timeout=cli.BOUND_S, check=True
        )
        return dict(line.split("\t", 1) for line in dump.stdout.decode().splitlines())

    def assert_goes_on(self, directory):
        """Its runs do, and new ones can be started in it."""
        self.data = directory
        server = self.serve()
        ask = ("--connect", server.endpoint)
        self.expect(self.stet("signal", "run-1", "go", "-i", '"on"', *ask), OK)
        self.until(lambda: self.stet("show", "run-1", "-o", "json", *ask).json.get("result") == "on", "it ends")
        self.start(server, range(20, 24))
        self.assertEqual(server.stop(), OK)
        self.expect(self.stet("verify", directory), OK)

    def manifest(self):
        with open(os.path.join(self.backup, "backup.json"), encoding="utf-8") as file:
            return json.load(file)


class Whole(BackupTest):
    def test_what_is_restored_is_what_was_backed_up(self):
        self.make()
        before = self.dump(self.data)
        self.expect(self.take(), OK)
        self.expect(self.stet("verify", self.backup), OK)
        self.expect(self.restore(), OK)
        self.expect(self.stet("verify", self.restored), OK)
        self.assertEqual(self.dump(self.restored), before)

    def test_a_restored_directory_has_an_incarnation_of_its_own(self):
        self.make(4)
        document = self.manifest_of_backup()
        restored = self.expect(self.restore("-o", "json"), OK).json
        self.assertNotEqual(restored["incarnation"], document["data_dir"]["incarnation"])
        with open(os.path.join(self.restored, "stet.meta"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["incarnation"], restored["incarnation"])

    def manifest_of_backup(self):
        self.expect(self.take(), OK)
        return self.manifest()

    def test_restored_runs_go_on(self):
        self.make()
        self.expect(self.take(), OK)
        self.expect(self.restore(), OK)
        self.assert_goes_on(self.restored)

    def test_a_backup_of_a_backup_of_a_restored_directory_is_whole(self):
        self.make()
        before = self.dump(self.data)
        for number in range(3):
            self.backup, self.restored = self.path(f"backup-{number}"), self.path(f"restored-{number}")
            self.expect(self.take(), OK)
            self.expect(self.restore(), OK)
            self.data = self.restored
        self.assertEqual(self.dump(self.data), before)

    def test_the_manifest_names_the_moment_and_every_file(self):
        self.make()
        manifest = self.manifest_of_backup()
        self.assertEqual(len(manifest["shards"]), SHARDS)
        for shard in manifest["shards"]:
            self.assertLessEqual(shard["checkpoint_lsn"], shard["last_lsn"])
            self.assertEqual(shard["records"], shard["last_lsn"] - shard["checkpoint_lsn"])
        self.assertEqual(
            sorted(file["name"] for file in manifest["files"]),
            sorted(f"shard-{shard}.{kind}" for shard in range(SHARDS) for kind in ("log", "store")),
        )
        for file in manifest["files"]:
            path = os.path.join(self.backup, file["name"])
            self.assertEqual(os.path.getsize(path), file["bytes"])
            with open(path, "rb") as content:
                self.assertEqual(hashlib.blake2b(content.read(), digest_size=32).hexdigest(), file["blake2b"])

    def test_a_backup_does_not_change_what_it_copies(self):
        self.make()
        before = fingerprint(self.data)
        self.expect(self.take(), OK)
        self.assertEqual(fingerprint(self.data), before)


class InUse(BackupTest):
    def test_backups_under_load_are_of_one_moment(self):
        """Whatever was acknowledged before a backup is in it; what it has is a beginning of what there is later."""
        server = self.serve("--shards", str(SHARDS))
        writers = [
            subprocess.Popen(
                ["/bin/sh", "-c", f'i=0; while "$0" start call -i \'"echo"\' --id "w{n}-$i" --connect "$1" >/dev/null; '
                 "do i=$((i+1)); done", cli.STET, server.endpoint],
                env=self.environment, stderr=subprocess.DEVNULL, start_new_session=True,
            )
            for n in range(3)
        ]  # fmt: skip
        taken = []
        try:
            for number in range(6):
                self.start(server, [number * 4])
                self.backup = self.path(f"backup-{number}")
                self.expect(self.take(), OK)
                taken.append((self.backup, f"run-{number * 4}"))
        finally:
            for writer in writers:
                os.killpg(writer.pid, signal.SIGKILL)
                writer.wait()
        self.assertEqual(server.stop(), OK)
        later = self.dump(self.data)
        for number, (self.backup, run) in enumerate(taken):
            self.restored = self.path(f"restored-{number}")
            self.expect(self.restore(), OK)
            self.expect(self.stet("show", run, "--data", self.restored), OK)
            for run_id, history in self.dump(self.restored).items():
                self.check_beginning(history, later[run_id], run_id)

    def check_beginning(self, history, later, run_id):
        now = [item for page in history.split("\t") for item in json.loads(page)]
        then = [item for page in later.split("\t") for item in json.loads(page)]
        self.assertEqual(now, then[: len(now)], run_id)

    def test_a_backup_that_is_killed_is_told_from_a_whole_one(self):
        server = self.serve("--shards", str(SHARDS))
        self.start(server, range(8))
        killed = 0
        for number in range(12):
            self.backup, self.restored = self.path(f"backup-{number}"), self.path(f"restored-{number}")
            process = subprocess.Popen([cli.STET, "backup", self.backup, "--data", self.data], env=self.environment,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
            files = random.Random(number).randrange(6)
            self.until(
                lambda p=process, n=files: p.poll() is not None or len(self.listed(self.backup)) >= n, "it is begun"
            )
            process.kill()
            if process.wait() != 0 and not os.path.exists(os.path.join(self.backup, "backup.json")):
                killed += 1
                if os.path.isdir(self.backup):
                    self.expect_refusal(self.restore(), DATA, "backup.json")
            else:
                self.expect(self.restore(), OK)
        self.assertGreater(killed, 0)
        self.start(server, range(8, 12))
        self.assertEqual(server.stop(), OK)
        self.expect(self.stet("verify", self.data), OK)

    def listed(self, directory):
        try:
            return os.listdir(directory)
        except FileNotFoundError:
            return []


def without_lsns(dump):
    """Recovered records are numbered anew."""
    told = {}
    for run, pages in dump.items():
        told[run] = [item for page in pages.split("\t") for item in json.loads(page)]
        for item in told[run]:
            del item["lsn"]
    return told


class Recover(BackupTest):
    def recover(self, *arguments):
        return self.stet("recover", self.data, self.restored, *arguments)

    def test_of_a_sound_directory_everything_is_recovered(self):
        self.make()
        before = without_lsns(self.dump(self.data))
        files = fingerprint(self.data)
        document = self.expect(self.recover("-o", "json"), OK).json
        self.assertEqual((document["runs"], document["lost"], document["losses"]), (len(before), 0, []))
        self.assertEqual(fingerprint(self.data), files)
        self.expect(self.stet("verify", self.restored), OK)
        self.assertEqual(without_lsns(self.dump(self.restored)), before)
        self.assert_goes_on(self.restored)
        self.assertEqual(len(self.dump(self.restored)), len(before) + 4)

    def test_what_is_recovered_of_a_damaged_directory_is_right_and_the_rest_is_named(self):
        self.make(24)
        before = without_lsns(self.dump(self.data))
        names = sorted(name for name in os.listdir(self.data) if name.endswith((".log", ".store")))
        sound, lost = {}, 0
        for name in names:
            with open(os.path.join(self.data, name), "rb") as file:
                sound[name] = file.read()
        for number in range(40):
            rng = random.Random(number)
            for name in names:
                self.put(name, bytes(damaged(rng, sound[name]) if rng.random() < 0.5 else sound[name]))
            files = fingerprint(self.data)
            self.restored = self.path(f"restored-{number}")
            answer = self.recover("-o", "json")
            self.assertIn(answer.code, (OK, cli.FAILED), f"{number}: {answer}")
            self.assertEqual(fingerprint(self.data), files)
            self.expect(self.stet("verify", self.restored), OK)
            after = without_lsns(self.dump(self.restored))
            for run, history in after.items():
                self.assertEqual(history, before[run][: len(history)], f"{number}: {run}")
            missing = set(before) - set(after)
            lost += len(missing)
            if missing or any(len(after[run]) < len(before[run]) for run in after):
                self.assertTrue(answer.json["losses"], f"{number}: {missing} are missing, and nothing is said")
        self.assertGreater(lost, 0, "nothing was ever lost: the damages are too small")

    def put(self, name, content):
        with open(os.path.join(self.data, name), "wb") as file:
            file.write(content)

    def test_a_directory_in_use_or_none_is_not_recovered(self):
        self.expect_refusal(self.recover(), DATA, self.data)
        self.serve()
        self.expect_refusal(self.recover(), DATA, "in use")
        self.assertFalse(os.path.exists(self.restored))


def damaged(rng, content):
    """Some pages zeroed or made noise, or the file cut."""
    changed = bytearray(content)
    for _ in range(rng.randrange(1, 5)):
        page = rng.randrange(len(changed) // 4096) * 4096
        changed[page : page + 4096] = bytes(4096) if rng.random() < 0.5 else rng.randbytes(4096)
    if rng.random() < 0.2:
        del changed[rng.randrange(len(changed)) :]
    return changed


class Refused(BackupTest):
    def test_a_directory_that_is_not_empty_is_neither_backed_up_into_nor_restored_into(self):
        self.make(4)
        for directory in (self.backup, self.restored):
            os.mkdir(directory)
            with open(os.path.join(directory, "thesis.tex"), "w", encoding="utf-8") as file:
                file.write("42")
        self.expect_refusal(self.take(), cli.REFUSED, "not empty")
        os.unlink(os.path.join(self.backup, "thesis.tex"))
        self.expect(self.take(), OK)
        self.expect_refusal(self.restore(), cli.REFUSED, "not empty")
        self.assertEqual(os.listdir(self.restored), ["thesis.tex"])

    def test_a_missing_directory_or_backup_is_refused(self):
        self.expect_refusal(self.take(), DATA, self.data)
        self.expect_refusal(self.restore(), DATA, self.backup)
        self.expect_refusal(self.stet("backup"), USAGE)
        self.assertEqual(os.listdir(self.directory), [])

    def test_a_damaged_backup_is_refused_and_nothing_is_left(self):
        self.make()
        self.expect(self.take(), OK)
        names = sorted(os.listdir(self.backup))
        for number in range(60):
            rng = random.Random(number)
            path = os.path.join(self.backup, rng.choice(names))
            with open(path, "rb") as file:
                content = file.read()
            changed = bytearray(content)
            if rng.random() < 0.7:
                changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
            else:
                del changed[rng.randrange(len(changed)) :]
            if path.endswith("json") and same_json(changed, content):
                continue
            with open(path, "wb") as file:
                file.write(changed)
            self.expect_refusal(self.restore(), DATA, "backup")
            self.assertNotEqual(self.stet("verify", self.backup).code, OK)
            self.assertFalse(os.path.exists(self.restored))
            with open(path, "wb") as file:
                file.write(content)
        self.expect(self.restore(), OK)

    def test_a_backup_of_a_newer_format_is_refused(self):
        self.make(4)
        self.expect(self.take(), OK)
        manifest = self.manifest()
        for change in ({"format": 2}, {"data_dir": {**manifest["data_dir"], "format": 99}}):
            with open(os.path.join(self.backup, "backup.json"), "w", encoding="utf-8") as file:
                json.dump({**manifest, **change}, file)
            self.expect_refusal(self.restore(), DATA, "newer")

    def test_a_backup_is_no_data_directory(self):
        self.make(4)
        self.expect(self.take(), OK)
        before = fingerprint(self.backup)
        self.expect_refusal(self.stet("list", "--data", self.backup), DATA, self.backup)
        self.assertEqual(fingerprint(self.backup), before)


def same_json(changed, content):
    """Spaces between the words of a JSON document can change without changing it."""
    try:
        return json.loads(bytes(changed)) == json.loads(content)
    except ValueError:
        return False


if __name__ == "__main__":
    cli.main()
