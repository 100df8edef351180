"""The pages in docs/ against the code: kinds of failure, links, the generated plan reference."""
import os
import re
import subprocess
import sys
import unittest

from test_includes import OURS as MAY_INCLUDE
from tree import PROGRAM, ROOT, files, read, text

ERROR_ROW = re.compile(r'^\s*X\((\w+), (-\d+), "([a-z-]+)"', re.M)
WORD = r'"([a-z]+(?:-[a-z]+)*)"'
# `.kind = "x"`, `.kind = test ? "x" : "y"`, `failure->kind = "x"`, over line ends.
KIND = re.compile(r"[.>]kind = ([^,;}]*)")
REPLY_ROW = re.compile(r"^\s*\{(?:\w+, 0|0, \d+), " + WORD + r"\},$", re.M)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def error_names(header):
    """The names of the X-macro table SHOAL_ERRORS."""
    return [name for _, _, name in ERROR_ROW.findall(header)]


def kinds(source):
    """Every kind that a simulator's source gives a failure."""
    found = []
    for expression in KIND.findall(source):
        found += re.findall(WORD, expression)
    return found + REPLY_ROW.findall(source)


def missing(names, page):
    """Names that have no row of their own in a page's tables."""
    rows = set(re.findall(r"^\| `([a-z-]+)` \|", page, re.M))
    return sorted(set(names) - rows)


def pages():
    return [p for p in files("*.md") if not p.startswith("tests/")]


class Docs(unittest.TestCase):
    maxDiff = None

    def test_every_error_is_explained(self):
        names = error_names(text("core/util/error.h"))
        self.assertGreater(len(names), 25)
        self.assertEqual(missing(names, text("docs/errors.md")), [])

    def test_every_kind_is_explained(self):
        found = [kind for path in files("simulators/*.c") for kind in kinds(text(path))]
        for known in ("reserve-timeout", "bad-blind-signature", "exchange-key-unknown",
                      "kyc-required", "bad-keys-signature", "reserve-unknown"):
            self.assertIn(known, found)
        self.assertEqual(missing(found, text("docs/errors.md")), [])

    def test_nothing_is_explained_that_is_not_there(self):
        known = set(error_names(text("core/util/error.h"))) | {"other"}
        known |= {kind for path in files("simulators/*.c") for kind in kinds(text(path))}
        rows = re.findall(r"^\| `([a-z-]+)` \|", text("docs/errors.md"), re.M)
        self.assertEqual(sorted(set(rows) - known), [])

    def test_plan_reference_is_up_to_date(self):
        shown = subprocess.run([PROGRAM, "describe", "plan", "--markdown"],
                               stdout=subprocess.PIPE, check=True).stdout
        self.assertGreater(len(shown), 5000)
        self.assertEqual(read("docs/plan.md").decode(), shown.decode(),
                         "run: shoal describe plan --markdown > docs/plan.md")

    def test_links_lead_somewhere(self):
        broken = []
        for page in pages():
            for target in LINK.findall(text(page)):
                if "://" in target:
                    continue
                path = os.path.join(ROOT, os.path.dirname(page), target)
                if not os.path.exists(path):
                    broken.append(f"{page}: {target}")
        self.assertEqual(broken, [])

    def test_include_rules_are_told(self):
        page = text("docs/architecture.md")
        rows = dict(re.findall(r"^\| `([\w/]+)` \| ([^|]*) \|$", page, re.M))
        for folder, others in MAY_INCLUDE.items():
            self.assertIn(folder, rows)
            self.assertEqual(sorted(re.findall(r"`([\w/]+)`", rows[folder])), sorted(others),
                             folder)

    def test_benchmarks_named_exist(self):
        page = text("docs/performance.md")
        named = set(re.findall(r"`\./dev bench ([a-z_]+)`", page))
        there = {os.path.splitext(os.path.basename(p))[0][6:] for p in files("tests/bench/bench_*")
                 if p.endswith((".c", ".py"))}
        self.assertGreater(len(named), 3)
        self.assertEqual(sorted(named - there), [])

    def test_files_named_exist(self):
        """A path like `core/load/run.c` in a page is a file or folder of the tree."""
        gone = []
        for page in pages():
            for path in re.findall(r"`((?:core|cli|protocols|simulators|state|tests|configs|docs|"
                                   r"cmake|contrib)/[\w./-]+)`", text(page)):
                if "kafka" in path or "NAME" in path or os.path.exists(os.path.join(ROOT, path)):
                    continue
                gone.append(f"{page}: {path}")
        self.assertEqual(gone, [])

    def test_the_checks_can_fail(self):
        self.assertEqual(error_names('    X(NOMEM, -1, "no-memory", "text") \\\n'), ["no-memory"])
        self.assertEqual(kinds('x(&(struct flow_failure){.error = E, .kind = "new-kind"}, "text")'),
                         ["new-kind"])
        self.assertEqual(kinds('.kind = d->unknown ? "one-kind"\n   : "two-kind",\n .status = 200'),
                         ["one-kind", "two-kind"])
        self.assertEqual(kinds('    {0, 418, "teapot"},\n'), ["teapot"])
        self.assertEqual(missing(["a-b", "c"], "| `c` | x |\n"), ["a-b"])
        self.assertEqual(LINK.findall("[x](gone.md#here)"), ["gone.md"])


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
