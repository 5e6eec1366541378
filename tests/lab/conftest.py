"""The laboratory: what takes long, run by ``make lab``."""

import sys
from pathlib import Path

# The benchmark scripts import each other as scripts do: from their own folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
