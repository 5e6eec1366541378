"""
Train on a GPU, with large batches
==================================

Each pair of a batch is contrasted with all others, so a step costs the square of the batch. The
same lines run on a processor and on a GPU. This page was built without a GPU, so its figure shows
the processor alone. What a GPU gains was measured elsewhere: :doc:`/howto/gpu`.
"""

# %%
# Studies
# -------
# Twelve topics, each with words and regions of its own, make the texts and maps of 6,000 studies.
import time

import matplotlib.pyplot as plt
import numpy as np
import torch

from sklearn_mnm import HyperbolicBrainTextEmbedder

random = np.random.default_rng(0)
topics = random.dirichlet(np.full(12, 0.1), size=6000)
X = random.poisson(topics @ random.gamma(0.3, size=(12, 150)) * 4)
Y = random.poisson(topics @ random.gamma(0.3, size=(12, 100)) * 4)
devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
print(devices, torch.cuda.get_device_name() if len(devices) > 1 else "(no GPU was found)")

# %%
# One estimator, two devices
# --------------------------
# ``device="auto"``, the default, takes the GPU where there is one. The first epoch may wait for
# the device to start, so it is not counted.
batches = [256, 512, 1024, 2048, 4096]
studies_per_second = {device: [] for device in devices}
points = {}
for device in devices:
    for batch_size in batches:
        ends = []

        def note_the_time(record, ends=ends):
            """Is called after each epoch."""
            ends.append(time.perf_counter())

        embedder = HyperbolicBrainTextEmbedder(
            n_components=32,
            batch_size=batch_size,
            max_epochs=3,
            device=device,
            callbacks=[note_the_time],
            random_state=0,
        ).fit(X[:-1000], Y[:-1000])
        seconds = (ends[-1] - ends[0]) / 2
        studies_per_second[device].append((len(X) - 1000) / seconds)
    points[device] = embedder.transform(X[-1000:])

# %%
# The fitted model is on the processor wherever it was trained, so it can be saved, copied and used
# on a machine without a GPU. Both devices draw dropout from generators of their own: points
# differ as those of two seeds do, the scores by chance only.
print(f"recall at 10, both ways: {100 * embedder.score(X[-1000:], Y[-1000:]):.1f} %")
if len(devices) > 1:
    print("largest difference of coordinates:", np.abs(points["cpu"] - points["cuda"]).max())

# %%
# Larger batches contrast each study with more candidates, and take longer.
figure, ax = plt.subplots(layout="constrained")
for device, rates in studies_per_second.items():
    ax.semilogx(batches, rates, "o-", label=device)
ax.set(xlabel="studies in a batch", ylabel="studies per second", title="Training", ylim=(0, None))
ax.set_xticks(batches, labels=batches)
ax.minorticks_off()
ax.legend()
plt.show()
