"""What the lint tests share: the files of the tree, and where the build is."""
import hashlib
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("SHOAL_BUILD", os.path.join(ROOT, "build", "release"))
PROGRAM = os.environ.get("SHOAL", os.path.join(BUILD, "shoal"))
OURS = ("core/", "protocols/", "simulators/", "state/", "cli/")  # what the program is made of


def files(*patterns):
    """Tracked and new files, from the root, that match the git patterns (all without one)."""
    names = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard", *patterns],
                           cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    return sorted(name for name in set(names.split("\0"))
                  if name and os.path.isfile(os.path.join(ROOT, name)))


def read(path):
    """The bytes of a file of the tree."""
    with open(os.path.join(ROOT, path), "rb") as file:
        return file.read()


def text(path):
    """A file of the tree as text."""
    return read(path).decode("utf-8")


def digest(*parts):
    """One hash over texts and bytes."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(b"%d:" % len(data) + data)
    return whole.hexdigest()


class Memory:
    """Remembers what was found clean, one empty file a hash, below the build folder."""

    def __init__(self, name):
        self.folder = os.path.join(BUILD, "lint", name)
        os.makedirs(self.folder, exist_ok=True)

    def knows(self, key):
        return os.path.exists(os.path.join(self.folder, key))

    def learn(self, key):
        with open(os.path.join(self.folder, key), "w", encoding="ascii"):
            pass
