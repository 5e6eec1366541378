"""Memory and time by the number of studies, where these lie on disk."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

# The figures of benchmarks/speed/out_of_core.py.
path = next(
    parent / "benchmarks" / "results" / "out-of-core.json"
    for parent in Path.cwd().resolve().parents
    if (parent / "benchmarks" / "results" / "out-of-core.json").exists()
)
records = pd.read_json(path)
styles = {
    "fit": ("#0072b2", "o-"),
    "embed texts": ("#009e73", "s-"),
    "embed maps": ("#56b4e9", "^-"),
    "index and search": ("#d55e00", "D-"),
    "exact search": ("#cc79a7", "v--"),
}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for step, (colour, style) in styles.items():
    rows = records[records["step"] == step].sort_values("n")
    left.plot(rows["n"], rows["own"] / 1000, style, color=colour, label=step)
    right.loglog(rows["n"], rows["cpu"], style, color=colour)
on_disk = records[records["step"] == "fit"].sort_values("n")
left.plot(on_disk["n"], on_disk["bytes"] / 1e9, ":", color="0.4", label="on disk")
left.set(xscale="log", xlabel="studies", ylabel="GB", title="Memory", ylim=(0, 9))
left.legend(frameon=False)
right.set(xlabel="studies", ylabel="seconds of one core", title="Time")
