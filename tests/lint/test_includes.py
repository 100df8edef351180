"""The include rules of docs/architecture.md, checked: who may include whom."""
import os
import re
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')

# folder: what of ours it may include besides itself (a prefix of the included path)
OURS = {
    "core/util": [],
    "core/fiber": ["core/util"],
    "core/lane": ["core/util", "core/fiber"],
    "core/plan": ["core/util"],
    "core/net": ["core/util", "core/fiber", "core/lane", "core/plan"],
    "core/measure": ["core/util", "core/fiber", "core/lane"],
    "core/load": ["core/util", "core/fiber", "core/lane", "core/net", "core/measure", "core/plan"],
    "core/report": ["core/util", "core/measure", "core/load", "core/plan"],
    "state": ["core/util"],
    "cli": ["core", "protocols", "simulators", "state"],
}
# Third parties that a folder must not see (a prefix of the included path).
FORBIDDEN = {
    "protocols": ["uv", "curl/", "lmdb", "microhttpd", "sys/socket", "time.h", "pthread"],
    "state": ["uv", "curl/", "microhttpd", "time.h"],
    "core/util": ["uv", "curl/", "lmdb", "microhttpd"],
}


def sources():
    """Every C file of the program with its path from the root."""
    for top in ("core", "protocols", "simulators", "state", "cli"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), ROOT)


def allowed(path):
    """The list of prefixes that `path` may include, itself included."""
    parts = path.split("/")
    if parts[0] == "protocols":
        return ["core/util", "/".join(parts[:2])]
    if parts[0] == "simulators":
        own = parts[1] if len(parts) > 2 else None
        if own is None:  # store.c, registry.c: the shelf that holds all systems
            return ["core", "state", "simulators"]
        return ["core", "state", "simulators/" + own, "simulators/store.h", "protocols/" + own]
    for folder, others in OURS.items():
        if path.startswith(folder + "/"):
            return others + [folder]
    raise AssertionError(f"{path} is in no known folder")


def violations(path, lines):
    """Lines of a file that break a rule, as text."""
    found = []
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        own, system = match.groups()
        if own and not any(own == p or own.startswith(p + "/") for p in allowed(path)):
            found.append(f"{path}:{number}: may not include {own}")
        for folder, names in FORBIDDEN.items():
            if system and path.startswith(folder + "/"):
                if any(system.startswith(name) for name in names):
                    found.append(f"{path}:{number}: may not include <{system}>")
    return found


class Includes(unittest.TestCase):
    def test_direction(self):
        found, count = [], 0
        for path in sources():
            count += 1
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                found += violations(path, file)
        self.assertGreater(count, 50)
        self.assertEqual(found, [])

    def test_the_check_can_fail(self):
        self.assertTrue(violations("core/lane/x.c", ['#include "state/state.h"']))
        self.assertTrue(violations("state/x.c", ['#include "core/lane/lane.h"']))
        self.assertTrue(violations("protocols/taler/x.c", ["#include <uv.h>"]))
        self.assertTrue(violations("protocols/taler/x.c", ['#include "protocols/kafka/y.h"']))
        self.assertTrue(violations("simulators/taler/x.c", ['#include "protocols/fspiop/y.h"']))
        self.assertFalse(violations("simulators/taler/x.c", ['#include "simulators/store.h"']))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
