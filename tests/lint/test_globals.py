"""No mutable state at file scope, as the compiler sees it: nothing of ours lies in .data or .bss.

test_shape.py looks at the source; this looks at what was built. Constant tables with addresses are
in .data.rel.ro and are fine. What is per thread (.tbss) is listed here with its reason.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

from tree import BUILD

SYMBOL = re.compile(r"^[0-9a-f]+ .{7} (\S+)\t[0-9a-f]+ +(?:\.hidden )?(\S+)$", re.M)
MUTABLE = re.compile(r"^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)(\.(?!rel\.ro)|$)")
PER_THREAD = {
    "this_thread": "core/fiber/fiber.c: the fiber that runs on this thread",
    "this_lane": "core/lane/lane.c: the lane of this thread",
}


def mutable(path):
    """Symbols of an object or archive that can be written to."""
    shown = subprocess.run(["objdump", "-t", path], stdout=subprocess.PIPE, text=True,
                           check=True).stdout
    return [f"{os.path.basename(path)}: {name} in {section}"
            for section, name in SYMBOL.findall(shown)
            if MUTABLE.match(section) and not name.startswith(".") and name not in PER_THREAD]


class Globals(unittest.TestCase):
    def test_the_program(self):
        paths = glob.glob(os.path.join(BUILD, "libshoal_*.a"))
        paths += glob.glob(os.path.join(BUILD, "CMakeFiles", "shoal.dir", "cli", "*.o"))
        self.assertGreater(len(paths), 15)
        self.assertEqual([found for path in sorted(paths) for found in mutable(path)], [])

    def test_the_check_can_fail(self):
        with tempfile.TemporaryDirectory() as folder:
            source, out = os.path.join(folder, "x.c"), os.path.join(folder, "x.o")
            with open(source, "w", encoding="ascii") as file:
                file.write("static int counter;\nint next(void) { return counter++; }\n"
                           "int started = 1;\nstatic _Thread_local int mine;\n"
                           "int *own(void) { return &mine; }\n"
                           "const char *const names[] = {\"a\", \"b\"};\n")
            subprocess.run(["cc", "-fPIE", "-c", source, "-o", out], check=True)
            self.assertEqual(sorted(line.split(" ")[1] for line in mutable(out)),
                             ["counter", "mine", "started"])


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
