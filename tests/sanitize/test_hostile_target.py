"""The hostile exchange of the end-to-end tests, with sanitizers watching."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import shoal as s
from test_hostile import Lying, Misbehaving  # noqa: F401, they are run by main

if __name__ == "__main__":
    s.main()
