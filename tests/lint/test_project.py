"""What must not be in the tree, and what must."""
import re
import sys
import unittest

from tree import files, read

SIZE_MAX = 1024 * 1024
# A word, and why it has no place here. Each is put together so that this file does not hold it.
FORBIDDEN = [
    ("/" + "work/", "a path of one machine"),
    ("/" + "root/", "a path of one machine"),
    ("/home/" + r"(?!shoal\b|user\b)\w", "a path of one machine"),
    (r"\bhelp" + r"ers?\b", "who wrote it is in git; what it does has a name"),
    (r"\bsess" + r"ion (?:\d|of the team|notes)", "how the work was organised"),
    (r"\bissue" + r" #?\d", "how the work was organised"),
    (r"\b(?:sub|ai|coding)[- ]?ag" + r"ents?\b", "how the work was organised"),
    (r"\bcla" + r"ude\b|\banth" + r"ropic\b|\bco-authored" + "-by", "how the work was organised"),
    (r"\b(?:registry\.npm" + r"js|pypi\.or" + r"g|files\.python" + r"hosted|crates\.i" + r"o|"
     r"proxy\.gol" + r"ang|rubygems\.or" + r"g|index\.dock" + r"er|ghcr\.i" + r"o|"
     r"registry-1\.dock" + r"er|quay\.i" + r"o|deb\.deb" + r"ian)\b", "a registry's host"),
    (r"(?-i:\b(?:TO" + r"DO|FIX" + r"ME|HA" + r"CK)\b)", "finish it or say why not"),
]
PATTERNS = [(re.compile(pattern.encode(), re.I), why) for pattern, why in FORBIDDEN]
# Recorded data of the real services, with base32 and host names of their own.
RECORDED = ("tests/vectors/", "tests/fuzz/corpus/", "tests/interop/recorded/", "LICENSE")


def faults(path, data):
    """Lines of a file that hold what must not be here."""
    found = []
    if len(data) > SIZE_MAX:
        found.append(f"{path}: {len(data)} bytes, at most {SIZE_MAX}")
    if path.startswith(RECORDED):
        return found
    for number, line in enumerate(data.split(b"\n"), 1):
        for pattern, why in PATTERNS:
            match = pattern.search(line)
            if match:
                found.append(f"{path}:{number}: {match.group().decode('utf-8', 'replace')}: {why}")
    return found


class Project(unittest.TestCase):
    def test_tree(self):
        paths = files()
        self.assertGreater(len(paths), 100)
        found = [fault for path in paths for fault in faults(path, read(path))]
        self.assertEqual(found, [])

    def test_license(self):
        self.assertIn(b"Apache License", read("LICENSE"))
        self.assertIn(b"Version 2.0", read("LICENSE"))
        self.assertIn(b"Apache License 2.0", read("README.md"))

    def test_nothing_built_is_tracked(self):
        self.assertEqual([p for p in files() if p.startswith(("build/", "runs/"))
                          or p.endswith((".o", ".a", ".pyc", ".mdb", ".deb"))], [])

    def test_the_check_can_fail(self):
        for line in ("see /" + "work/x", "a help" + "er wrote this", "// TO" + "DO: later",
                     "https://pypi.or" + "g/simple", "as in issue" + " 12", "cla" + "ude"):
            self.assertTrue(faults("core/x.c", line.encode()), line)
        self.assertFalse(faults("core/x.c", b"a framework/of things; User-Agent: shoal"))
        self.assertTrue(faults("x.bin", b"0" * (SIZE_MAX + 1)))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
