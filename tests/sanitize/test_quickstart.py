"""The quick start, small, as asan and tsan builds play it: both load models, both ends of the
protocol, faults, Ctrl-C, kill -9 and resume. What a sanitizer says ends the program that it
watches, and is an error here."""
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import shoal as s

KEYS = {"rsa_bits": 1024}
CLOSED = {"model": "closed", "ramp": "500ms", "think": {"exponential": "200ms"}, "duration": "2s"}
OPEN = {"model": "open", "rate": "60/s", "duration": "2s", "max_active": 50}
FAULTS = {"delay": "300ms", "delay_share": 0.05, "error_share": 0.03, "drop_share": 0.03,
          "lose_share": 0.03, "truncate_share": 0.03, "restart_every": "700ms",
          "restart_down": "100ms"}
WALLET = {"timeout": "2s", "fund_timeout": "2s", "retries": 3}
CLIENTS = 60  # ThreadSanitizer knows no more than some 8,000 threads and fibers


class Sanitized(unittest.TestCase):
    def setUp(self):
        context = s.folder()
        self.path = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.out = os.path.join(self.path, "out")

    def clean(self, result, found, codes=(s.HELD,)):
        self.assertIn(result.returncode, codes, result.stderr)
        self.assertNotIn("Sanitizer", result.stderr)
        self.assertNotIn("runtime error", result.stderr)
        self.assertTrue(s.identity_holds(found))
        self.assertTrue(found["accounting"], found["accounting_detail"])
        log = os.path.join(self.out, "standin", "taler", "log")
        with open(log, encoding="utf-8", errors="replace") as file:
            said = file.read()
        self.assertNotIn("Sanitizer", said)
        self.assertNotIn("runtime error", said)

    def plan(self, load, **standin):
        return s.plan(CLIENTS, WALLET, load, standins={"taler": {**KEYS, **standin}})

    def test_closed(self):
        for protocol in (14, 23):
            with self.subTest(protocol=protocol):
                with s.folder() as self.path:
                    self.out = os.path.join(self.path, "out")
                    result, found = s.run(self.path, self.plan(CLOSED, protocol=protocol))
                    self.clean(result, found)
                    self.assertEqual(found["errors"], [])
                    self.assertGreater(s.row(found, "steps", "pay")["succeeded"], 0)

    def test_open(self):
        result, found = s.run(self.path, self.plan(OPEN))
        self.clean(result, found)
        self.assertGreater(s.row(found, "steps", "pay")["succeeded"], 0)

    def test_each_wallet_its_keys(self):
        plan = self.plan(CLOSED)
        plan["scenarios"][0]["options"].update(keys="wallet", withdraw="single", deposit="single",
                                               deflate=True)
        plan["scenarios"][0].update(connections="iteration", purge={"older-than": "1s"})
        plan["standins"]["taler"]["protocol"] = 14
        result, found = s.run(self.path, plan)
        self.clean(result, found)
        self.assertEqual(found["errors"], [])

    def test_faults(self):
        result, found = s.run(self.path, self.plan(CLOSED, faults=FAULTS))
        self.clean(result, found)
        self.assertTrue(found["errors"])

    def interrupted(self, with_signal):
        name = s.write(os.path.join(self.path, "plan.json"),
                       self.plan({**CLOSED, "duration": "6s"}, faults=FAULTS))
        process = s.start("run", name, "--out", self.out, "--quiet")
        timeline = os.path.join(self.out, "timeline.jsonl")
        self.assertTrue(s.wait_until(lambda: os.path.exists(timeline) and
                                     len(s.lines(self.out, "timeline.jsonl")) >= 2, 60))
        time.sleep(0.3)
        process.send_signal(with_signal)
        _, err = process.communicate(timeout=60)
        self.assertNotIn("Sanitizer", err)
        self.assertTrue(s.wait_until(lambda: not s.standins_running(self.path), 20))
        if with_signal == signal.SIGINT:
            self.assertEqual(process.returncode, s.INTERRUPTED, err)
        result = s.shoal("run", "--resume", self.out, "--quiet")
        found = s.summary(self.out)
        self.clean(result, found)
        self.assertGreaterEqual(found["run"]["gaps"], 1)

    def test_interrupted_and_resumed(self):
        self.interrupted(signal.SIGINT)

    def test_killed_and_resumed(self):
        self.interrupted(signal.SIGKILL)


if __name__ == "__main__":
    s.main()
