"""The end-to-end tests' target with all faults at once, with sanitizers watching."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import shoal as s
import test_faults


class Stormy(test_faults.Case):
    test_all = test_faults.test_of("all", 3)


if __name__ == "__main__":
    assert issubclass(Stormy, unittest.TestCase)
    s.main()
