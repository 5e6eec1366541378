"""Time the bundled model: ``python -m benchmarks latency``.

One core, a fresh process for each repetition; needs no data.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.common.sections import replace_section

N_PROCESSES = 5
NOTE = f"""Median [smallest, largest] over {N_PROCESSES} fresh processes, one core, milliseconds. \
Within a process the
later calls are the median of 30. The first loading imports torch, scikit-learn, pandas and nibabel,
which the first row times alone. The first image builds the interpolation to voxels."""
DEPENDENCIES = """
import json, time
start = time.perf_counter()
import nibabel, pandas, torch, sklearn.feature_extraction.text
print(json.dumps({"dependencies alone": 1000 * (time.perf_counter() - start)}))
"""
CODE = """
import json, time
from statistics import median

def milliseconds(call, n=1):
    times = []
    for _ in range(n):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return median(times)

results = {}
results["import sklearn_mnm"] = milliseconds(lambda: __import__("sklearn_mnm"))
import sklearn_mnm
model = []
def load():
    model[:] = sklearn_mnm.load_pretrained()
results["load_pretrained, first time"] = milliseconds(load)
results["load_pretrained, again: the model itself"] = milliseconds(load, 5)
encoder, decoder = model
queries = ["reward anticipation", "working memory load", "fear", "finger tapping", "reading words"]
results["text to 4 mm image, first"] = milliseconds(lambda: encoder.predict_img(queries[:1]))
each = iter(queries * 6)
results["text to 4 mm image, later"] = milliseconds(lambda: encoder.predict_img([next(each)]), 30)
each = iter(queries * 6)
results["text to regions, later"] = milliseconds(lambda: encoder.predict([next(each)]), 30)
image = encoder.predict_img(queries[:1])
regions = encoder.predict(queries[:1])
decoder.predict_topk(regions, 50)
results["regions to 50 terms, later"] = milliseconds(lambda: decoder.predict_topk(regions, 50), 30)
results["image to 50 terms, later"] = milliseconds(lambda: decoder.predict_topk(image, 50), 30)
encoder.retrieve(queries[:1])
results["text to 10 studies, later"] = milliseconds(lambda: encoder.retrieve(queries[:1]), 30)
print(json.dumps(results))
"""


def measure() -> pd.DataFrame:
    """Return milliseconds by process (rows) and what is timed (columns)."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    runs = []
    for _ in range(N_PROCESSES):
        record = {}
        for code in (DEPENDENCIES, CODE):
            command = [sys.executable, "-W", "ignore", "-c", code]
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, env=environment
            )
            record |= json.loads(done.stdout)
        runs.append(record)
    return pd.DataFrame(runs)


def main() -> None:
    """Time and print or write a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    runs = measure()
    rows = [
        f"| {name} | {np.median(times):.1f} [{times.min():.1f}, {times.max():.1f}] |"
        for name, times in runs.items()
    ]
    text = "Made by `python -m benchmarks latency --output benchmarks/RESULTS.md`.\n\n"
    text += f"{NOTE}\n\n| | ms |\n| --- | ---: |\n" + "\n".join(rows) + "\n"
    print(text)
    if arguments.output:
        replace_section(arguments.output, "latency", "The bundled model: time of a call", text)
