"""Exit status and one clear sentence, for everything that can be wrong before and in a run."""
import json
import os
import resource
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import shoal as s

SMALL = {"standins": {"taler": {"rsa_bits": 1024}}}
NOBODY = 65534


def file_limit(size):
    """As a preexec_fn: no file may grow beyond `size` bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def become_nobody():
    """Root may write anywhere, so what is read-only is tried as somebody else."""
    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)


class Case(unittest.TestCase):
    def as_nobody(self, *arguments):
        """Runs a copy of the program that everybody may read: a checkout may lie in /root."""
        program = os.path.join(self.path, "shoal")
        if not os.path.exists(program):
            shutil.copy(s.SHOAL, program)
            os.chmod(program, 0o755)
        return subprocess.run([program, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=120, check=False,
                              cwd=self.path, preexec_fn=become_nobody)

    def setUp(self):
        context = s.folder()
        self.path = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        os.chmod(self.path, 0o777)
        self.out = os.path.join(self.path, "out")

    def plan(self, *arguments, **more):
        return s.write(os.path.join(self.path, "plan.json"), s.plan(*arguments, **{**SMALL, **more}))

    def said(self, result, code, *words):
        """The status, one line of stderr with these words, and nobody left behind."""
        self.assertEqual(result.returncode, code, result.stderr + result.stdout)
        lines = [line for line in result.stderr.splitlines() if line.startswith("shoal: ")]
        self.assertEqual(len(lines), 1, result.stderr)
        for word in words:
            self.assertIn(word, lines[0])
        self.assertEqual(s.wait_until(lambda: not s.standins_running(self.path)), True)

    def refused(self, result, *words):
        """Bad input: said, and nothing was made."""
        self.said(result, s.INPUT, *words)
        self.assertFalse(os.path.exists(self.out))
        self.assertEqual(result.stdout, "")


class WrongPlan(Case):
    def run_with(self, *arguments):
        return s.shoal("run", self.plan(), "--out", self.out, *arguments)

    def test_no_such_file(self):
        self.refused(s.shoal("run", self.path + "/none.json", "--out", self.out), "none.json",
                     "No such file")

    def test_not_json_names_the_line(self):
        name = s.write(os.path.join(self.path, "bad.json"), '{"name": "x",\n "seed": 1,,\n}')
        self.refused(s.shoal("run", name, "--out", self.out), "bad.json:2:", "not JSON")

    def test_misspelt_key_in_the_file(self):
        plan = s.plan()
        plan["scenarios"][0]["load"]["iteration"] = 3
        text = json.dumps(plan, indent=1)
        line = 1 + text[:text.index('"iteration":')].count("\n")
        name = s.write(os.path.join(self.path, "bad.json"), text)
        self.refused(s.shoal("run", name, "--out", self.out),
                     f"bad.json:{line}: scenarios.0.load.iteration:", 'did you mean "iterations"?')

    def test_values(self):
        for change, *words in (
                ("scenarios.0.simulator=taler-walet", 'did you mean "taler-wallet"?'),
                ("scenarios.0.clients=many", "not a whole number"),
                ("scenarios.0.clients=0", "clients"),
                ("scenarios.0.load.duration=5", "duration", "30s"),
                ("scenarios.0.load.rampp=1s", 'did you mean "ramp"?'),
                ("scenarios.0.options.withdraw_amount=-5", "not an amount"),
                ("scenarios.0.options.exchange=ftp://x", "exchange"),
                ("scenarios.0.options.bank=http://127.0.0.1:1/", "embedded"),
                ("scenarios.wallet.clients=1", "wallet"),
                ("standins.taler.protocol=13", "14"),
                ("standins.talr.protocol=14", "shoal list"),
                ("nothing", "path=value")):
            with self.subTest(change=change):
                self.refused(self.run_with("--set", change), *words)

    def test_check_says_the_same(self):
        name = s.write(os.path.join(self.path, "bad.json"), {"name": "x", "scenarios": [
            {"simulator": "taler-wallet", "clients": 1, "loads": {}}]})
        result = s.shoal("check", name)
        self.said(result, s.INPUT, "scenarios.0.loads", 'did you mean "load"?')


class WrongCommand(Case):
    def test_flags(self):
        plan = self.plan()
        for arguments, *words in (
                (["run", plan, "--laness", "3"], "did you mean --lanes?"),
                (["run", plan, "--lanes", "x"], "--lanes", "integer"),
                (["run", plan, "--clients", "-1"], "--clients"),
                (["run", plan, "--duration", "soon"], "--duration", "30s"),
                (["run", plan, "--seed", "-1"], "--seed"),
                (["run", plan, "--run-id", "12"], "32 hex digits"),
                (["run", plan, "--segment", "5/4"], "1/4"),
                (["run", plan, "--segment", "0/4"], "1/4"),
                (["run", plan, "--start-at", "tomorrow"], "2030-01-31T12:00:00Z"),
                (["run", plan, "--quiet", "--quiet"], "twice"),
                (["run", plan, "--quiet=1"], "no value"),
                (["run", plan, "--out"], "--out DIR"),
                (["run", plan, plan], "usage"),
                (["run"], "PLAN"),
                (["run", plan, "--resume", self.path], "--resume"),
                (["run", "--resume", self.path, "--seed", "2"], "--state-from"),
                (["run", "--resume", self.path], "not the folder of a run"),
                (["rum"], "did you mean run?"),
                (["describe", "talr"], "shoal list"),
                (["serve", "talr"], "shoal list"),
                (["serve", "taler", "--set", "protocl=14"], 'did you mean "protocol"?'),
                (["serve", "taler", "--listen", "here"], "ADDR:PORT"),
                (["init", "talr"], "shoal list"),
                (["report", self.path], "not the folder of a run"),
                (["try", plan, "--client", "99"], "--client"),
                (["help", "rum"], "shoal help")):
            if arguments[0] == "run" and len(arguments) > 1 and "--out" not in arguments:
                out = [] if "--resume" in arguments else ["--out", self.out]
            else:
                out = []
            with self.subTest(arguments=arguments):
                self.refused(s.shoal(*arguments, *out), *words)

    def test_no_command_lists_them(self):
        result = s.shoal()
        self.assertEqual(result.returncode, s.INPUT)
        self.assertIn("run        Run a plan", result.stderr)


class Folders(Case):
    def test_out_is_not_empty(self):
        os.mkdir(self.out)
        kept = s.write(os.path.join(self.out, "thesis.tex"), "mine")
        self.said(s.shoal("run", self.plan(), "--out", self.out), s.INPUT, "not empty",
                  "thesis.tex", "--resume")
        self.assertEqual(os.listdir(self.out), ["thesis.tex"])
        self.assertTrue(os.path.exists(kept))

    def test_out_is_in_use(self):
        plan = self.plan(4, load={"model": "closed", "think": "1s", "duration": "60s"})
        first = s.start("run", plan, "--out", self.out, "--quiet")
        self.assertTrue(s.wait_until(lambda: os.path.exists(self.out + "/timeline.jsonl") and
                                     s.lines(self.out, "timeline.jsonl")))
        result = s.shoal("run", "--resume", self.out)
        self.assertEqual(result.returncode, s.INPUT)
        self.assertIn("in use", result.stderr)
        first.terminate()
        first.communicate(timeout=20)
        self.assertEqual(first.returncode, s.INTERRUPTED)

    def test_out_is_read_only(self):
        plan = self.plan()
        locked = os.path.join(self.path, "locked")
        os.mkdir(locked, 0o555)
        self.said(self.as_nobody("run", plan, "--out", locked + "/run"),
                  s.INPUT, "locked/run", "Permission denied", "--out")
        self.said(self.as_nobody("run", plan, "--out", locked),
                  s.INPUT, "locked", "Permission denied")

    def test_state_is_read_only(self):
        locked = os.path.join(self.path, "locked")
        os.mkdir(locked, 0o555)
        self.refused(self.as_nobody("run", self.plan(), "--out", self.out, "--state-dir",
                                    locked + "/state"),
                     "state", "Permission denied")

    def test_state_of_another_run(self):
        plan, state = self.plan(3), os.path.join(self.path, "state")
        first = s.shoal("run", plan, "--out", self.path + "/first", "--state-dir", state)
        self.assertEqual(first.returncode, s.HELD, first.stderr)
        self.refused(s.shoal("run", plan, "--out", self.out, "--state-dir", state),
                     "earlier run", "--state-from")

    def test_state_from_nowhere(self):
        self.refused(s.shoal("run", self.plan(), "--out", self.out, "--state-from",
                             self.path + "/none"), "--state-from", "none")


class Target(Case):
    def remote(self, base, **load):
        bank = base + "/accounts/exchange/taler-wire-gateway"
        return self.plan(6, {"exchange": base, "bank": bank},
                         {"model": "closed", "iterations": 12, **load})

    def test_down_at_start(self):
        base = f"http://127.0.0.1:{s.free_port()}"
        result = s.shoal("run", self.remote(base), "--out", self.out, "--quiet")
        self.said(result, s.TARGET, "wallets", base.split(":")[2], "refused")
        found = s.summary(self.out)
        self.assertTrue(s.identity_holds(found))
        self.assertEqual(found["errors"][0]["kind"], "refused")

    def test_only_errors_at_start(self):
        with s.Standin("rsa_bits=1024", "faults.error_share=1") as target:
            result = s.shoal("run", self.remote(target.base), "--out", self.out, "--quiet")
            self.said(result, s.TARGET, "wallets", "500")

    def test_errors_in_the_middle_are_data(self):
        with s.Standin("rsa_bits=1024", "faults.error_share=0.3", "faults.seed=4") as target:
            for seed in range(1, 20):  # until the two requests of the start are not hit
                result = s.shoal("run", self.remote(target.base), "--out", self.out, "--quiet",
                                 "--seed", str(seed))
                if result.returncode == s.HELD:
                    break
                subprocess.run(["rm", "-rf", self.out], check=True)
            self.assertEqual(result.returncode, s.HELD, result.stderr)
            ledger = target.stop()
        found = s.summary(self.out)
        self.assertTrue(s.identity_holds(found))
        self.assertTrue(ledger["balanced"])
        whole = s.row(found, "iterations", "iteration")
        self.assertEqual(whole["started"], 12)
        self.assertGreater(whole["failed"], 0)
        self.assertIsNotNone(whole["failed_latency_ms"])
        server = [e for e in found["errors"] if e["status"] == 500 and e["of"] == "request"]
        failed = sum(e["whole"]["failed"] for e in found["requests"])
        self.assertEqual(sum(e["count"] for e in server), failed)

    def test_dies_in_the_middle_and_comes_back(self):
        keys, port = os.path.join(self.path, "bank"), s.free_port()
        listen = f"127.0.0.1:{port}"
        first = s.Standin("rsa_bits=1024", folder=keys, listen=listen)
        plan = self.plan(6, first.options(), {"model": "closed", "think": "50ms",
                                              "duration": "6s"})
        run = s.start("run", plan, "--out", self.out, "--quiet")
        self.assertTrue(s.wait_until(lambda: os.path.exists(self.out + "/timeline.jsonl") and
                                     s.lines(self.out, "timeline.jsonl")))
        first.stop()
        ends = s.time.monotonic() + 1.2
        s.wait_until(lambda: s.time.monotonic() > ends)
        with s.Standin("rsa_bits=1024", folder=keys, listen=listen) as second:
            out, err = run.communicate(timeout=60)
            self.assertEqual(run.returncode, s.HELD, err)
            ledger = second.stop()
        self.assertTrue(ledger["balanced"], ledger["why"])
        found = s.summary(self.out)
        self.assertTrue(s.identity_holds(found))
        self.assertTrue(found["accounting"], found["accounting_detail"])
        kinds = {(e["kind"], e["status"]) for e in found["errors"]}
        self.assertIn(("refused", None), kinds)
        # 503 is what a stand-in answers while it ends
        self.assertLessEqual(kinds, {("refused", None), ("reset", None), ("short-body", None),
                                     ("http-status", 503)}, found["errors"])
        after = [line for line in s.lines(self.out, "timeline.jsonl") if line["t"] > 4.5]
        done = sum(series["succeeded"] for line in after for series in line["series"]
                   if series["of"] == "iteration")
        self.assertGreater(done, 5)  # the wallets have recovered
        self.assertIn("refused", out)

    def test_port_in_use(self):
        with s.Standin("rsa_bits=1024") as target:
            result = s.shoal("serve", "taler", "--listen", target.base[7:])
            self.said(result, s.TARGET, target.base[7:], "in use")


class FullDisk(Case):
    def full(self, limit, plan, *arguments):
        result = s.shoal("run", plan, "--out", self.out, "--quiet", *arguments,
                         preexec_fn=file_limit(limit))
        self.assertEqual(result.returncode, s.OURS, result.stderr + result.stdout)
        self.assertTrue(result.stderr.startswith("shoal: "), result.stderr)
        self.assertTrue(s.wait_until(lambda: not s.standins_running(self.path)))
        return result.stderr

    def test_results(self):
        """The timeline outgrows its limit; the wallets' state is small."""
        with s.Standin("rsa_bits=1024") as target:
            scenario = s.plan(1, target.options(payments=1), {
                "model": "closed", "think": "500ms", "duration": "30s"})["scenarios"][0]
            plan = s.write(os.path.join(self.path, "plan.json"), {
                "name": "many", "scenarios": [{**scenario, "name": f"s{i}"} for i in range(12)]})
            err = self.full(90000, plan, "--lanes", "1")
            self.assertIn("File too large", err)
            self.assertIn("ulimit -f", err)
            self.assertTrue(target.stop()["balanced"])

    def test_state(self):
        """Coins that are never purged outgrow the limit long before the timeline does."""
        with s.Standin("rsa_bits=1024") as target:
            plan = self.plan(50, target.options(payments=0), {"model": "closed", "duration": "30s"},
                             scenario={"purge": "never"})
            err = self.full(400000, plan, "--lanes", "1")
            self.assertIn("state", err)
            self.assertTrue(target.stop()["balanced"])

    @unittest.skipUnless(os.getuid() == 0, "mounting wants root")
    def test_a_full_file_system(self):
        disk = os.path.join(self.path, "disk")
        os.mkdir(disk)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", disk],
                                 check=False, stderr=subprocess.DEVNULL)
        if mounted.returncode:
            self.skipTest("this machine mounts nothing")
        try:
            with s.Standin("rsa_bits=1024") as target:
                plan = self.plan(50, target.options(payments=0),
                                 {"model": "closed", "duration": "30s"},
                                 scenario={"purge": "never"})
                result = s.shoal("run", plan, "--out", self.out, "--state-dir", disk + "/state",
                                 "--quiet")
                self.assertEqual(result.returncode, s.OURS, result.stderr)
                self.assertIn("disk/state", result.stderr)
                self.assertTrue(s.identity_holds(s.summary(self.out)))
                result = s.shoal("run", plan, "--out", disk + "/run", "--quiet")
                self.assertEqual(result.returncode, s.OURS, result.stderr)
                self.assertIn("No space left", result.stderr)
                self.assertTrue(target.stop()["balanced"])
        finally:
            subprocess.run(["umount", disk], check=False)


if __name__ == "__main__":
    s.main()
