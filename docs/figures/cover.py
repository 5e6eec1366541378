"""Maps of three queries, as the bundled model predicts them."""

import matplotlib.pyplot as plt

from sklearn_mnm import load_pretrained
from sklearn_mnm.plotting import plot_map

encoder, _ = load_pretrained()
queries = ["reward anticipation", "reading words", "working memory load"]
figure, axes = plt.subplots(3, 1, figsize=(9, 7.4), layout="constrained")
for query, ax in zip(queries, axes, strict=True):
    z_map = encoder.predict_img([query], kind="z", resolution=2)
    plot_map(z_map, threshold=1.96, title=f"“{query}”", label="z", ax=ax)
