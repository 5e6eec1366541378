import sys
from pathlib import Path

# The parsers are those of the script that fuzzes for longer.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
