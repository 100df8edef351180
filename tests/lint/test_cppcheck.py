"""cppcheck over the program: warnings, portability, performance."""
import os
import subprocess
import sys
import tempfile
import unittest

from tree import ROOT, Memory, digest, files, read

OURS = ["core", "state", "protocols", "simulators", "cli"]
# What is not a fault, and why.
SUPPRESSED = {
    "autoVariables": "a fiber's stack lives for as long as the call that waits on it",
    "unknownMacro:protocols/taler/keys_read.c": "cJSON_ArrayForEach; clang-tidy reads it",
    "compareBoolExpressionWithInt:core/measure/health.c": "a loop of one or two turns, on purpose",
    "shiftTooManyBitsSigned:core/measure/hlog.c": "ZigZag; gcc and clang define the signed shift",
    "zerodivcond:protocols/taler/amount.c": "a fraction below 1e8 has no rest when the unit is 0",
    "uninitvar:core/net/http_target.c": "the address of a variable that is written before use",
    "uninitvar:simulators/taler/standin_generate.c": "filled by the caller of the thread",
}
OPTIONS = ["--enable=warning,portability,performance", "--std=c11", "--quiet", "--inline-suppr",
           "--error-exitcode=1", "-D__linux__", "-D__x86_64__",
           "--template={file}:{line}: {severity} {id}: {message}"]


def complaints(arguments, folder=ROOT, suppressed=()):
    """cppcheck's lines."""
    command = ["cppcheck", *OPTIONS, *(f"--suppress={item}" for item in suppressed), *arguments]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    return [line for line in done.stdout.splitlines() if line.strip()]


class Cppcheck(unittest.TestCase):
    def test_the_program(self):
        paths = files(*(f"{top}/*.[ch]" for top in OURS))
        self.assertGreater(len(paths), 50)
        memory = Memory("cppcheck")
        key = digest("\n".join(OPTIONS), "\n".join(SUPPRESSED),
                     *(part for path in paths for part in (path, read(path))))
        if memory.knows(key):
            return
        found = complaints(["-j2", "-I.", *OURS], suppressed=SUPPRESSED)
        self.assertEqual(found, [])
        memory.learn(key)

    def test_the_check_can_fail(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "bad.c"), "w", encoding="ascii") as file:
                file.write("int f(void)\n{\n    int a[2] = {0, 0};\n    return a[2];\n}\n")
            self.assertTrue(complaints(["bad.c"], folder))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
