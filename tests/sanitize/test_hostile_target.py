"""The hostile exchange of the end-to-end tests, with sanitizers watching."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import shoal as s
import test_hostile


class Misbehaving(test_hostile.Misbehaving):
    pass


if "tsan" in s.SHOAL:  # finding the exchange is one lane's work
    Misbehaving.test_config_at_start = Misbehaving.test_keys_at_start = None
else:
    Lying = test_hostile.Lying

if __name__ == "__main__":
    s.main()
