"""Runs the test suites and ends with one line: N passed, N failed.

Usage: tests/run.py [SUITE...]   (called by ./dev test)

unit, e2e, lint and fuzz (each corpus once) are ctest labels of the release build; asan, tsan and
valgrind run what makes sense of them under the sanitizers. All suites run even when one fails.
"""
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LABELS = ["unit", "fuzz", "lint", "e2e"]
# suite: (preset, ctest label expression, environment)
SUITES = {
    "unit": ("release", "^unit$", {}),
    "fuzz": ("release", "^fuzz$", {}),
    "lint": ("release", "^lint$", {}),
    "e2e": ("release", "^e2e$", {}),
    "asan": ("asan", "^(unit|fuzz|sanitize)$",
             {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1",
              "UBSAN_OPTIONS": "print_stacktrace=1"}),
    "tsan": ("tsan", "^(unit|sanitize)$",
             {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"}),
    "valgrind": ("release", "^valgrind$", {}),
}


def build(preset):
    """Configures when needed and builds everything of a preset."""
    subprocess.run(["cmake", "--preset", preset, "-DSHOAL_TESTS=ON"], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)
    done = subprocess.run(["cmake", "--build", "--preset", preset], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout[-8000:])
    return done.returncode == 0


def run(name):
    """Runs one suite; returns (passed, failed, skipped)."""
    preset, labels, environment = SUITES[name]
    if not build(preset):
        print(f"{name}: the {preset} build failed")
        return 0, 1, 0
    folder = os.path.join(ROOT, "build", preset)
    report = os.path.join(folder, f"{name}.xml")
    if os.path.exists(report):
        os.remove(report)
    # End-to-end tests measure and time; they run one at a time.
    jobs = "1" if name in ("e2e", "valgrind") else str(os.cpu_count() or 2)
    command = ["ctest", "--test-dir", folder, "-L", labels, "-j", jobs, "--output-on-failure",
               "--no-tests=error", "--output-junit", report]
    code = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}).returncode
    if not os.path.exists(report):
        return 0, 1, 0
    suite = xml.parse(report).getroot()
    total, failed = int(suite.get("tests")), int(suite.get("failures"))
    skipped = int(suite.get("skipped", 0)) + int(suite.get("disabled", 0))
    if code and not failed:
        failed = 1
    return total - failed - skipped, failed, skipped


def main():
    names = sys.argv[1:]
    if not names or names == ["all"]:
        names = list(SUITES)
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        print(f"unknown suite {unknown[0]}; there are: {' '.join(SUITES)}", file=sys.stderr)
        return 2
    passed = failed = skipped = 0
    lines = []
    for name in names:
        start = time.monotonic()
        result = run(name)
        passed, failed, skipped = (passed + result[0], failed + result[1], skipped + result[2])
        lines.append(f"{name:9} {result[0]:4} passed {result[1]:3} failed {result[2]:3} skipped"
                     f"  {time.monotonic() - start:6.1f} s")
    print("\n" + "\n".join(lines))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
