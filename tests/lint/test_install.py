"""What is installed and packaged, and which libraries the image needs."""
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

from tree import BUILD, ROOT, text

COMPLETE = r"""
source "$1"
COMP_WORDS=(shoal "${@:2}")
COMP_CWORD=$(($# - 1))
COMPREPLY=()
_shoal
printf '%s\n' "${COMPREPLY[@]}"
"""
# Libraries that every Debian system has.
ESSENTIAL = {"libc6", "libgcc-s1"}


def call(*command, **options):
    """Output of a command that must succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **options)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stdout[-3000:]}")
    return done.stdout


def man_faults(path):
    """mandoc's errors; its hints about style are not ours."""
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "error", path], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    return done.stdout if done.returncode else ""


def package_of(path):
    """The Debian package that a library came from; dpkg may know it without /usr."""
    for name in (path, path.removeprefix("/usr")):
        done = subprocess.run(["dpkg", "-S", name], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
        if done.returncode == 0:
            return done.stdout.split(":")[0]
    raise AssertionError(f"{path} is in no package")


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        call("cmake", "--build", BUILD, "--target", "shoal", "shoal_generated")
        cls.folder = tempfile.TemporaryDirectory()
        cls.stage = os.path.join(cls.folder.name, "stage")
        call("cmake", "--install", BUILD, "--prefix", "/usr",
             env={**os.environ, "DESTDIR": cls.stage})
        cls.usr = os.path.join(cls.stage, "usr")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def complete(self, *words):
        """What bash would offer."""
        path = os.path.join(self.usr, "share/bash-completion/completions/shoal")
        return call("bash", "-c", COMPLETE, "bash", path, *words).split()

    def test_program(self):
        shown = call(os.path.join(self.usr, "bin/shoal"), "version")
        version = re.search(r"VERSION (\S+)", text("CMakeLists.txt").split("project(")[1]).group(1)
        self.assertIn(f"shoal {version}", shown)

    def test_man_page(self):
        path = os.path.join(self.usr, "share/man/man1/shoal.1")
        self.assertEqual(man_faults(path), "")
        page = call("mandoc", "-T", "ascii", path)
        page = re.sub(r".\x08", "", page)
        for word in ("NAME", "SYNOPSIS", "shoal run", "--segment", "EXIT STATUS"):
            self.assertIn(word, page)

    def test_completion(self):
        path = os.path.join(self.usr, "share/bash-completion/completions/shoal")
        call("bash", "-n", path)
        self.assertEqual(self.complete("ru"), ["run"])
        self.assertEqual(self.complete("run", "--resu"), ["--resume"])
        self.assertEqual(self.complete("describe", "--mark"), ["--markdown"])
        shown = call(os.path.join(self.usr, "bin/shoal"), "help")
        commands = re.findall(r"^  ([a-z]+)  ", shown, re.M)
        self.assertIn("run", commands)
        self.assertEqual(sorted(self.complete("")), sorted(commands))

    def test_plans(self):
        plans = glob.glob(os.path.join(self.usr, "share/shoal/configs/*.json"))
        self.assertIn("quickstart.json", [os.path.basename(plan) for plan in plans])
        for plan in plans:
            call(os.path.join(self.usr, "bin/shoal"), "check", plan)

    def test_package(self):
        with tempfile.TemporaryDirectory() as folder:
            call("cpack", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-G", "DEB",
                 "-B", folder)
            packages = glob.glob(os.path.join(folder, "*.deb"))
            self.assertEqual(len(packages), 1, packages)
            listed = call("dpkg-deb", "-c", packages[0])
            for path in ("usr/bin/shoal", "man1/shoal.1", "completions/shoal",
                         "shoal/configs/quickstart.json", "contrib/kubernetes/job.yaml",
                         "doc/shoal/LICENSE"):
                self.assertIn(path, listed)
            depends = call("dpkg-deb", "-f", packages[0], "Depends")
            for library in ("libuv1", "libcurl4", "libmicrohttpd12", "liblmdb0", "libsodium23"):
                self.assertIn(library, depends)

    def test_image_has_the_libraries(self):
        program = os.path.join(self.usr, "bin/shoal")
        needed = re.findall(r"\(NEEDED\).*\[(.+?)\]", call("readelf", "-d", program))
        found = dict(re.findall(r"^\s*(\S+) => (/\S+)", call("ldd", program), re.M))
        packages = set()
        for library in needed:
            if library in found:
                packages.add(package_of(os.path.realpath(found[library])))
        stage = text("Dockerfile").split("\nFROM ")[-1]
        missing = [p for p in sorted(packages - ESSENTIAL)
                   if not re.search(rf"\s{re.escape(p)}\s", stage)]
        self.assertGreater(len(packages), 5)
        self.assertEqual(missing, [])

    def test_the_checks_can_fail(self):
        with tempfile.NamedTemporaryFile("w", suffix=".1", dir=self.folder.name) as page:
            page.write(".TH X 1\n.SH NAME\n.ft\n.RE 9\n.so /etc/passwd\n.TS\nl\n")
            page.flush()
            self.assertTrue(man_faults(page.name))
        self.assertEqual(self.complete("no-such-command"), [])
        with self.assertRaises(AssertionError):
            call("false")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
