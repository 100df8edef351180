"""Lengths of files, functions and lines; banned calls; mutable file-scope state; words."""
import os
import re
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILE_MAX = 600       # lines of a source file
FUNCTION_MAX = 100   # lines of a function body
LONG_FUNCTION = 70   # at most LONG_SHARE of all functions may be longer than this
LONG_SHARE = 0.03
LINE_MAX = 100       # columns
BANNED = ["strcpy", "strcat", "sprintf", "vsprintf", "gets", "strtok", "rand", "srand", "alloca",
          "setjmp", "longjmp", "system", "tmpnam"]
# A file-scope variable that is not const: a line at column 0 like "static int x;" or "int x = 1;".
MUTABLE = re.compile(r"^static\s+(?!const\b|inline\b|_Noreturn\b|_Thread_local\b|struct\s+\w+\s*\{)"
                     r"[\w\s\*]+\b\w+(\[[^\]]*\])*\s*(=|;)")


def files():
    """Tracked and new C files, from the root."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.c", "*.h"], cwd=ROOT,
                           stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return [name for name in names if os.path.exists(os.path.join(ROOT, name))]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read().split("\n")


def functions(lines):
    """(first line, length) of every function: a '{' alone in column 0 up to '}' in column 0."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start:
            yield start, number - start + 1
            start = None


class Shape(unittest.TestCase):
    def setUp(self):
        self.files = files()
        self.assertGreater(len(self.files), 50)

    def test_files_are_short(self):
        long = [f"{f}: {len(read(f))} lines" for f in self.files if len(read(f)) > FILE_MAX]
        self.assertEqual(long, [])

    def test_functions_are_short(self):
        found = [(n, f, at) for f in self.files if f.endswith(".c")
                 for at, n in functions(read(f))]
        self.assertEqual([f"{f}:{at}: {n} lines" for n, f, at in found if n > FUNCTION_MAX], [])
        long = [f"{f}:{at}: {n} lines" for n, f, at in found if n > LONG_FUNCTION]
        self.assertLessEqual(len(long), LONG_SHARE * len(found), long)

    def test_lines_are_short(self):
        long = [f"{f}:{i}" for f in self.files for i, line in enumerate(read(f), 1)
                if len(line) > LINE_MAX]
        self.assertEqual(long, [])

    def test_no_banned_call(self):
        pattern = re.compile(r"(?<![\w>.])(" + "|".join(BANNED) + r")\s*\(")
        found = [f"{f}:{i}: {line.strip()}" for f in self.files
                 for i, line in enumerate(read(f), 1)
                 if pattern.search(re.sub(r'"(\\.|[^"\\])*"|/\*.*|^\s*\*.*|//.*', "", line))]
        self.assertEqual(found, [])

    def test_no_mutable_file_scope_state(self):
        found = [f"{f}:{i}: {line}" for f in self.files if not f.startswith("tests/")
                 for i, line in enumerate(read(f), 1)
                 if MUTABLE.match(line) and "const " not in line and "(" not in line.split("=")[0]]
        self.assertEqual(found, [])

    def test_the_checks_can_fail(self):
        self.assertTrue(MUTABLE.match("static int counter;"))
        self.assertTrue(MUTABLE.match("static struct foo table[4];"))
        self.assertFalse(MUTABLE.match("static const int table[4] = {"))
        self.assertEqual(list(functions(["int f(void)", "{", "    return 1;", "}"])), [(2, 3)])


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
