"""
Quick start: words to a brain map, a brain map to words
=======================================================

The model that comes with the package was fitted to 12,000 studies of NeuroQuery. Nothing is fitted
or downloaded here.
"""

import matplotlib.pyplot as plt
from nilearn.datasets import load_sample_motor_activation_image

from sklearn_mnm import load_pretrained
from sklearn_mnm.plotting import plot_map

encoder, decoder = load_pretrained()

# %%
# From words to a map
# -------------------
# The map is a NIfTI image in MNI152 space. z shows how far the text stands out, in each region,
# from texts that are unrelated to the region.
predicted = encoder.predict_img(["finger tapping"], kind="z", resolution=2)
predicted.shape

# %%
# Studies whose texts and maps fit the text best, with their PubMed ids:
encoder.retrieve(["finger tapping"], k=5)

# %%
# Before you believe a map, check which words the model knows. Here, one word has a typing error:
print(encoder.explain("finger taping in musicians"))

# %%
# From a map to words
# -------------------
# A real map: people pressed a button with the left hand, compared with the right hand. It is map
# 10426 of NeuroVault, and comes with nilearn. You can give any statistical map, as a path or as an
# image. It needs no threshold: the values that stand out count.
observed = load_sample_motor_activation_image()
decoder.predict_topk(observed, k=8)

# %%
# The words on movement are right, but the first word, "pain", is not. Decoded words are candidates.

# %%
# Both maps
# ---------
# Both hemispheres are predicted for finger tapping, because studies use either hand or both. The
# contrast of left and right shows the right motor cortex alone.
figure, (above, below) = plt.subplots(2, 1, figsize=(9, 5.6), layout="constrained")
plot_map(predicted, threshold=1.96, title="Predicted for “finger tapping”", label="z", ax=above)
plot_map(observed, threshold=3, title="Left hand less right hand", label="z", ax=below)
plt.show()
