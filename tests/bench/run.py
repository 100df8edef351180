"""Runs the benchmarks one after another and prints one table of ratios.

Usage: tests/bench/run.py [--check] [--json] [NAME...]   (called by ./dev bench)

Every benchmark is a program tests/bench/bench_NAME.c (build/release/bench/bench_NAME) or a script
tests/bench/bench_NAME.py. With --json each prints one object {"bench": NAME, "rows": [{"name",
"value", "unit", "limit" (or null), "yardstick" (what it is measured against)}]}. --check exits 1
when a row is over its limit. Benchmarks measure CPU time, because machines are shared.
"""
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILT = os.path.join(ROOT, "build", "release", "bench")


def commands():
    """name -> command line of every benchmark."""
    found = {}
    for name in sorted(os.listdir(os.path.join(ROOT, "tests", "bench"))):
        stem, ending = os.path.splitext(name)
        if not stem.startswith("bench_"):
            continue
        if ending == ".c":
            found[stem[6:]] = [os.path.join(BUILT, stem), "--json"]
        elif ending == ".py":
            found[stem[6:]] = ["/usr/bin/python3", os.path.join(ROOT, "tests", "bench", name),
                               "--json"]
    return found


def run(command):
    """The rows of one benchmark."""
    environment = {**os.environ, "SHOAL": os.path.join(ROOT, "build", "release", "shoal")}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
                          check=True)
    return json.loads(done.stdout.strip().split("\n")[-1])["rows"]


def over(row):
    return row.get("limit") is not None and row["value"] > row["limit"]


def main():
    arguments = sys.argv[1:]
    flags = {a for a in arguments if a.startswith("--")}
    names = [a for a in arguments if not a.startswith("--")]
    every = commands()
    unknown = flags - {"--check", "--json"} or [n for n in names if n not in every]
    if unknown:
        print(f"unknown: {' '.join(unknown)}; there are --check, --json and: {' '.join(every)}",
              file=sys.stderr)
        return 2
    results = {name: run(every[name]) for name in (names or every)}
    if "--json" in flags:
        print(json.dumps(results, indent=1))
    else:
        for name, rows in results.items():
            print(f"\n{name}")
            for row in rows:
                limit = f"at most {row['limit']:g}" if row.get("limit") is not None else ""
                print(f"  {row['name']:52} {row['value']:12.4g} {row.get('unit', ''):8} "
                      f"{limit:16} {'OVER' if over(row) else ''} {row.get('yardstick') or ''}")
    missed = [f"{name}: {row['name']}" for name, rows in results.items() for row in rows if over(row)]
    for line in missed:
        print(f"over its limit: {line}", file=sys.stderr)
    return 1 if "--check" in flags and missed else 0


if __name__ == "__main__":
    sys.exit(main())
