"""Files that are no C: they parse, and say what they should."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

from tree import ROOT, files, read, text

LISTED_PACKAGES = re.compile(r"apt-get install -y --no-install-recommends \\\n(.*?)\n *&&", re.S)


def unique(pairs):
    """An object of JSON; a key that is there twice is a fault."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f"a key is there twice: {sorted(keys)}")
    return dict(pairs)


def json_fault(data):
    """Why bytes are not JSON, or None."""
    try:
        json.loads(data.decode("utf-8"), object_pairs_hook=unique)
    except ValueError as error:
        return str(error)
    return None


def yaml_fault(data):
    """Why bytes are not YAML, or None."""
    try:
        list(yaml.safe_load_all(data.decode("utf-8")))
    except (ValueError, yaml.YAMLError) as error:
        return str(error)
    return None


def is_shell(path):
    """By its ending or its first line."""
    if path.endswith((".sh", ".bash")):
        return True
    return re.match(rb"#!\s*/(usr/)?bin/(env )?(ba|da)?sh\b", read(path)[:64]) is not None


def shell_faults(path):
    """What bash and shellcheck say about a script."""
    found = []
    for command in (["bash", "-n", path], ["shellcheck", "--severity=style", path]):
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
        if done.returncode:
            found.append(done.stdout)
    return found


def build_packages(script):
    """BUILD_PACKAGES of ./dev."""
    return re.search(r"^BUILD_PACKAGES=\(([^)]*)\)", script, re.M).group(1).split()


def image_packages(dockerfile):
    """The packages that each stage of a Dockerfile installs."""
    return [block.replace("\\", " ").split() for block in LISTED_PACKAGES.findall(dockerfile)]


class Files(unittest.TestCase):
    def test_json(self):
        # The fuzz corpora hold broken files on purpose.
        paths = [p for p in files("*.json") if not p.startswith("tests/fuzz/")]
        self.assertIn("configs/quickstart.json", paths)
        self.assertEqual([f"{p}: {json_fault(read(p))}" for p in paths if json_fault(read(p))], [])

    def test_yaml(self):
        paths = files("*.yaml", "*.yml")
        self.assertIn("contrib/kubernetes/job.yaml", paths)
        self.assertEqual([f"{p}: {yaml_fault(read(p))}" for p in paths if yaml_fault(read(p))], [])

    def test_kubernetes_job(self):
        documents = list(yaml.safe_load_all(text("contrib/kubernetes/job.yaml")))
        self.assertEqual([(d["apiVersion"], d["kind"]) for d in documents], [("batch/v1", "Job")])
        spec = documents[0]["spec"]
        self.assertEqual(spec["completionMode"], "Indexed")
        self.assertEqual(spec["completions"], spec["parallelism"])
        pod = spec["template"]["spec"]
        self.assertTrue(pod["securityContext"]["runAsNonRoot"])
        mounts = {m["name"] for c in pod["containers"] for m in c["volumeMounts"]}
        self.assertEqual(mounts, {volume["name"] for volume in pod["volumes"]})
        argument = " ".join(pod["containers"][0]["args"])
        self.assertIn(f"/{spec['completions']}\"", argument.replace(" ", ""))
        for flag in ("--segment", "--start-at", "--run-id", "--out", "--state-dir"):
            self.assertIn(flag, argument)

    def test_shell(self):
        paths = [p for p in files() if is_shell(p)]
        for path in ("dev", ".ci/run", "contrib/slurm/segments.sh", "contrib/oar/segments.sh"):
            self.assertIn(path, paths)
        self.assertEqual([fault for p in paths for fault in shell_faults(p)], [])

    def test_scripts_can_be_run(self):
        for path in ("dev", ".ci/run"):
            self.assertTrue(os.access(os.path.join(ROOT, path), os.X_OK), path)

    def test_image_has_the_packages_of_dev(self):
        wanted = build_packages(text("dev"))
        stages = image_packages(text("Dockerfile"))
        self.assertGreater(len(wanted), 10)
        self.assertEqual(len(stages), 2)
        self.assertEqual(sorted(set(wanted) - set(stages[0] + stages[1])), [])
        self.assertEqual([p for p in stages[1] if p.endswith("-dev")], [])

    def test_the_checks_can_fail(self):
        self.assertTrue(json_fault(b'{"a": 1,}'))
        self.assertTrue(json_fault(b'{"a": 1, "a": 2}'))
        self.assertIsNone(json_fault(b'{"a": 1}'))
        self.assertTrue(yaml_fault(b"a: [1, 2"))
        self.assertIsNone(yaml_fault(b"a: [1, 2]"))
        with tempfile.TemporaryDirectory() as folder:
            for body, bad in (("if true; then\n", True), ("rm $1\n", True), ("echo x\n", False)):
                path = os.path.join(folder, "x.sh")
                with open(path, "w", encoding="ascii") as file:
                    file.write("#!/bin/bash\n" + body)
                self.assertEqual(bool(shell_faults(path)), bad, body)
        self.assertEqual(build_packages("BUILD_PACKAGES=(a b\n  c)\n"), ["a", "b", "c"])
        self.assertTrue(shutil.which("shellcheck"))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
