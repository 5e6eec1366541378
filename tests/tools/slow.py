"""What is kept of objects, kept slowly, so that threads meet."""

import time
from weakref import WeakKeyDictionary

from sklearn_mnm._tools import made_once


class _SlowDictionary(dict):
    """Gives other threads time to put in something else."""

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        time.sleep(0.02)


class _OfSlowDictionaries(WeakKeyDictionary):
    def setdefault(self, key, default=None):
        return super().setdefault(key, _SlowDictionary())


def slow_to_keep(monkeypatch):
    """Let `made_once` begin anew, and take its time to keep what it makes."""
    monkeypatch.setattr(made_once, "_MADE", _OfSlowDictionaries())
