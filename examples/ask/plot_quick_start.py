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
# The map is a NIfTI image in MNI152 space. Its z says how far the text stands out, in each region,
# from texts that have nothing to do with the region.
predicted = encoder.predict_img(["finger tapping"], kind="z", resolution=2)
predicted.shape

# %%
# Studies whose texts and maps fit the text best, with their PubMed ids:
encoder.retrieve(["finger tapping"], k=5)

# %%
# Before you believe a map, see which words the model knows:
print(encoder.explain("finger taping in musicians"))

# %%
# From a map to words
# -------------------
# A real map: pressing a button with the left hand rather than the right. It is map 10426 of
# NeuroVault, which nilearn carries. Any path or image of a statistical map will do. It needs no
# threshold: what counts is what stands out of the map.
observed = load_sample_motor_activation_image()
decoder.predict_topk(observed, k=8)

# %%
# Both maps
# ---------
# Studies of finger tapping report both hands, the right one more often, so the prediction is
# bilateral; the contrast of left and right shows the right motor cortex alone.
figure, (above, below) = plt.subplots(2, 1, figsize=(9, 5.6), layout="constrained")
plot_map(predicted, threshold=1.96, title="Predicted for “finger tapping”", label="z", ax=above)
plot_map(observed, threshold=3, title="Left hand less right hand", label="z", ax=below)
plt.show()
