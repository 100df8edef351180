"""Every C file is formatted as .clang-format says (./dev fmt does it)."""
import os
import subprocess
import sys
import tempfile
import unittest

from tree import ROOT, files


def complaints(paths):
    """What clang-format would change, as its own lines."""
    done = subprocess.run(["clang-format-14", "--dry-run", "-Werror",
                           f"--style=file:{os.path.join(ROOT, '.clang-format')}", *paths],
                          cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = [line for line in done.stdout.splitlines() if "error:" in line]
    return found or ([done.stdout] if done.returncode else [])


class Format(unittest.TestCase):
    def test_all_files(self):
        paths = files("*.c", "*.h")
        self.assertGreater(len(paths), 50)
        self.assertEqual(complaints(paths), [])

    def test_the_check_can_fail(self):
        with tempfile.TemporaryDirectory() as folder:
            bad, good = os.path.join(folder, "bad.c"), os.path.join(folder, "good.c")
            with open(bad, "w", encoding="ascii") as file:
                file.write("int  main( void ){return 0;}\n")
            with open(good, "w", encoding="ascii") as file:
                file.write("int main(void)\n{\n    return 0;\n}\n")
            self.assertTrue(complaints([bad]))
            self.assertEqual(complaints([good]), [])


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
