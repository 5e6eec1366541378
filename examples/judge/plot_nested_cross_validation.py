"""
Choose parameters and measure what they are worth: nested cross-validation
==========================================================================

If parameters are chosen on the same studies on which a model is tested, the model looks better than
it is. In nested cross-validation, an inner search chooses the parameters again for each outer test
set. The studies are the 906 n-back and flanker contrasts that come with NiMARE. Contrasts of one
paper share authors, participants and most of their text. So a paper is always left out as a whole.
"""

# %%
# Texts and regions
# -----------------
# The regions must not depend on the test studies. Cubes of 20 mm depend on no study.
import tempfile
import warnings

import matplotlib.pyplot as plt
import numpy as np
import sklearn
from nilearn.datasets import load_mni152_brain_mask
from nilearn.image import new_img_like
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline

from sklearn_mnm import HyperbolicBrainTextEmbedder, PeaksToRegions, TermVectorizer
from sklearn_mnm.datasets import load_nback_flanker
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.scorers import get_scorer, recall_scorer

mask = load_mni152_brain_mask(resolution=4)
inside = mask.get_fdata() > 0
labels = np.zeros(mask.shape, dtype=np.int32)
_, cubes = np.unique(np.argwhere(inside) // 5, axis=0, return_inverse=True)
labels[inside] = 1 + cubes.ravel()

# Counts of peaks that were converted or lie outside the brain, and of pairs that fill no pool.
warnings.simplefilter("ignore", DataWarning)
studies = load_nback_flanker(level="contrast")
Y = PeaksToRegions(atlas=new_img_like(mask, labels), resolution=4).fit_transform(studies)
usable = Y.any(axis=1)
texts, Y, papers = studies.texts[usable], Y[usable], studies.groups[usable]
print(f"{len(Y)} contrasts of {len(np.unique(papers))} papers, {Y.shape[1]} regions")

# %%
# An inner search and an outer measure
# ------------------------------------
# Recall depends on the number of candidates, and test sets of whole papers differ in size.
# Therefore both loops look for the partner of a study in pools of 60. There, ten guesses find one
# in six. The papers are used for the splits. By metadata routing, they also reach the regression
# within the embedder, which leaves out whole papers, too. Fits that differ only in later parameters
# share this regression through ``memory``. With ``max_epochs=0``, a fit has no other step: it is
# quick, and enough for this example.
sklearn.set_config(enable_metadata_routing=True)
cache = tempfile.TemporaryDirectory()
embedder = HyperbolicBrainTextEmbedder(max_epochs=0, memory=cache.name, random_state=0)
model = make_pipeline(TermVectorizer(), embedder.set_fit_request(groups=True))
sizes = [2, 8, 64]
search = GridSearchCV(
    model,
    {"hyperbolicbraintextembedder__n_components": sizes},
    scoring=recall_scorer(10, pool_size=60),
    cv=GroupKFold(3),
)
measures = {
    "text to brain,\nrecall at 10 of 60": recall_scorer(10, "text_to_brain", pool_size=60),
    "brain to text,\nrecall at 10 of 60": recall_scorer(10, "brain_to_text", pool_size=60),
    "mix and match": get_scorer("mix_and_match"),
}
settings = {"params": {"groups": papers}, "cv": GroupKFold(3), "scoring": measures}
nested = cross_validate(search, texts, Y, return_estimator=True, **settings)

# %%
# The control: the same with shuffled pairs of texts and maps, from which nothing can be learnt.
shuffled = np.random.default_rng(0).permutation(len(Y))
control = cross_validate(model, texts, Y[shuffled], **settings)
cache.cleanup()
sklearn.set_config(enable_metadata_routing=False)

for name in measures:
    scores = [results[f"test_{name}"] for results in (nested, control)]
    summary = [
        f"{values.mean():.2f} ({values.min():.2f} to {values.max():.2f})" for values in scores
    ]
    print(f"{' '.join(name.split()):35s} {summary[0]}; shuffled {summary[1]}")

# %%
# Left: each dot is the score on a third of the papers. Neither the model nor the choice of its
# parameters has seen these papers. Right: the scores of the inner searches, with a line for each
# outer training set. The dot on each line marks the choice.
chance = [scorer.chance() for scorer in list(measures.values())[:2]] + [0.5]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for shift, results, colour, label in (
    (-0.12, nested, "tab:blue", "nested cross-validation"),
    (0.12, control, "tab:gray", "shuffled pairs"),
):
    for column, name in enumerate(measures):
        values = results[f"test_{name}"]
        places = np.full(len(values), column + shift)
        left.scatter(places, values, color=colour, alpha=0.6, label=None if column else label)
        left.plot(column + shift + np.array([-0.08, 0.08]), [values.mean()] * 2, color=colour)
left.hlines(
    chance, np.arange(3) - 0.3, np.arange(3) + 0.3, "k", linestyles="dashed", label="chance"
)
left.set(xticks=range(3), xticklabels=measures, ylabel="score on held-out papers", ylim=(0, 0.8))
left.legend(loc="upper left")
for inner in nested["estimator"]:
    curve = inner.cv_results_["mean_test_score"]
    (line,) = right.plot(sizes, curve, alpha=0.7)
    right.plot(sizes[inner.best_index_], curve[inner.best_index_], "o", color=line.get_color())
right.axhline(search.scoring.chance(), color="k", linestyle="dashed", label="chance")
right.legend(loc="center right")
right.set(xscale="log", xlabel="n_components", ylabel="inner search, recall at 10 of 60")
right.set_xticks(sizes, labels=sizes)
right.minorticks_off()
plt.show()
