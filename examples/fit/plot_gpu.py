"""
Large batches, on a processor and on a GPU
==========================================

Each pair of a batch is compared with all other pairs of the batch. So the cost of a step grows with
the square of the batch size. The same code runs on a processor and on a GPU. This page was built
without a GPU. Its last figure therefore shows two things: what this page measured on a processor,
and what was measured on a GPU before (:doc:`/howto/gpu`).
"""

# %%
# Studies
# -------
# The texts and maps of 6,000 studies are generated from twelve topics. Each topic has its own words
# and regions.
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
# ``device="auto"``, the default, uses a GPU if torch finds one. The first epoch may wait until the
# device has started, so it does not count.
batches = [256, 512, 1024, 2048, 4096]
studies_per_second = {device: [] for device in devices}
points = {}
for device in devices:
    for batch_size in batches:
        ends = []

        def note_the_time(record, ends=ends):
            """Note when an epoch ended."""
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
# The fitted model is always on the processor. So you can save it, copy it and use it on a machine
# without a GPU. Dropout draws other random numbers on a GPU. Therefore the results of the two
# devices differ like the results of two seeds.
print(f"recall at 10, both ways: {100 * embedder.score(X[-1000:], Y[-1000:]):.1f} %")
if len(devices) > 1:
    print("largest difference of coordinates:", np.abs(points["cpu"] - points["cuda"]).max())

# %%
# What a GPU gains
# ----------------
# In larger batches, each study is compared with more candidates. Left: this page. Right: steps with
# the default settings, 512 features and 512 dimensions, on 16 cores and on one H200, as
# ``python -m benchmarks gpu`` measured them (:doc:`/measured/resources`). The two panels cannot be
# compared with each other, because the models differ in size. On the right, the GPU is 3 times as
# fast as the cores with 1,024 studies, and 98 times as fast with 16,384.
measured = {"16 cores": [17_923, 9_725, 2_875], "one H200": [61_221, 207_804, 280_677]}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for device, rates in studies_per_second.items():
    left.loglog(batches, rates, "o-", label="this page, " + device)
for device, rates in measured.items():
    right.loglog([1024, 4096, 16_384], rates, "s-", label=device)
left.set(title="Small model, measured by this page", ylabel="studies per second")
right.set(title="Default settings, measured before")
for ax, sizes in ((left, batches), (right, [1024, 4096, 16_384])):
    ax.set(xlabel="studies in a batch", ylim=(1e3, 1e6))
    ax.set_xticks(sizes, labels=[f"{size:,}" for size in sizes])
    ax.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
    ax.legend()
plt.show()
