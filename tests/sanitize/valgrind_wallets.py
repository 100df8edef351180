"""Some wallets under valgrind: no invalid access, no value used before it was set, nothing leaked.
The stand-in is another process, not under valgrind."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import shoal as s

MEMCHECK = ["valgrind", "--quiet", "--tool=memcheck", "--leak-check=full", "--error-exitcode=99",
            "--show-leak-kinds=definite,possible", "--errors-for-leak-kinds=definite,possible"]


class Valgrind(unittest.TestCase):
    def watched(self, standin, load, **options):
        with s.folder() as path, s.Standin("rsa_bits=1024", *standin) as target:
            plan = s.plan(10, target.options(payments=2, **options), load)
            name = s.write(os.path.join(path, "plan.json"), plan)
            out = os.path.join(path, "out")
            result = subprocess.run(
                [*MEMCHECK, s.SHOAL, "run", name, "--out", out, "--quiet"], capture_output=True, text=True, timeout=300, check=False)
            found = s.summary(out)
            ledger = target.stop()
        self.assertEqual(result.returncode, s.HELD, result.stderr[-6000:])
        self.assertTrue(s.identity_holds(found))
        self.assertTrue(ledger["balanced"])
        return found

    def test_closed(self):
        found = self.watched([], {"model": "closed", "iterations": 15})
        self.assertEqual(found["errors"], [])
        self.assertEqual(s.row(found, "iterations", "iteration")["succeeded"], 15)

    def test_open_with_faults(self):
        found = self.watched(
            ["faults.drop_share=0.1", "faults.truncate_share=0.1", "protocol=14"],
            {"model": "open", "rate": "10/s", "iterations": 15}, retries=5)
        self.assertGreater(s.row(found, "steps", "pay")["succeeded"], 0)


if __name__ == "__main__":
    s.main()
