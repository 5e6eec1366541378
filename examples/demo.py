"""
Find brains by text, texts by brain, and draw the map of a query
================================================================

Fits a small hyperbolic model on real studies, measures on studies that it has not seen how well
texts and brains find each other, and draws the maps that it predicts for two queries.

The studies are the 906 n-back and flanker contrasts of 320 papers that the NiMARE package carries.
If the environment variable ``SKLEARN_MNM_DATA`` names a folder that holds the NeuroQuery release in
``neuroquery/``, it fits to 5,000 of its studies instead and holds out 1,000 others. Either way it
takes at most two or three minutes on two cores. Maps (NIfTI) and figures (PNG) are written into
``demo_output/``.
"""

import os
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # figures go into files, so no display is needed

import numpy as np
from nilearn.plotting import plot_glass_brain
from sklearn.model_selection import GroupShuffleSplit

from sklearn_mnm import HyperbolicBrainTextEmbedder, PeaksToRegions, TermVectorizer, load_database
from sklearn_mnm.datasets import load_nback_flanker
from sklearn_mnm.metrics import retrieval_report

OUTPUT = Path("demo_output")
RANKS = (1, 10, 100)


def load_corpus():
    """Studies with the input and settings of the text features, and what to hold out and ask."""
    folder = Path(os.environ.get("SKLEARN_MNM_DATA", "")) / "neuroquery"
    if folder.is_dir():
        studies = load_database(folder)
        usable = (studies.peak_counts > 0) & (studies.counts.getnnz(axis=1) > 0)
        studies = studies[usable]
        return {
            "name": "NeuroQuery",
            "studies": studies,
            "n_set_aside": np.sum(~usable),
            "documents": studies.counts,
            "vectorizer": TermVectorizer(vocabulary=studies.vocabulary, min_df=3),
            "n_regions": 512,
            "sizes": {"train_size": 5000, "test_size": 1000},
            "queries": ["reward anticipation", "visual motion"],
        }
    studies = load_nback_flanker(level="contrast")
    usable = (studies.peak_counts > 0) & (studies.texts != "")
    studies = studies[usable]
    return {
        "name": "n-back and flanker",
        "studies": studies,
        "n_set_aside": np.sum(~usable),
        "documents": studies.texts,
        "vectorizer": TermVectorizer(min_df=3),
        "n_regions": 256,
        "sizes": {"test_size": 0.25},
        "queries": ["working memory n-back", "response inhibition flanker conflict"],
    }


def print_retrieval(similarity):
    """Both directions beside chance; rows of `similarity` are texts, columns are brains."""
    n_pairs = len(similarity)
    ranks = [k for k in RANKS if k < n_pairs]
    chance = {f"R@{k}": 100 * k / n_pairs for k in ranks} | {"MM": 50.0}
    rows = {
        "text -> brain": retrieval_report(similarity, ranks),
        "brain -> text": retrieval_report(similarity.T, ranks),
        "chance": chance,
    }
    print(f"{'percent':15s}" + "".join(f"{name:>8s}" for name in chance))
    for label, report in rows.items():
        print(f"{label:15s}" + "".join(f"{value:8.1f}" for value in report.values()))
    print("R@k: the true partner is among the first k; MM: wrong candidates ranked below it.")


def write_map(query, activations, regions):
    """Save a predicted map as NIfTI and as a figure of its highest tenth."""
    image = regions.inverse_transform(activations)
    path = OUTPUT / query.replace(" ", "_")
    image.to_filename(f"{path}.nii.gz")
    voxels = image.get_fdata()[regions.mask_img_.get_fdata() > 0]
    plot_glass_brain(
        image,
        output_file=f"{path}.png",
        title=query,
        display_mode="lyrz",
        threshold=np.quantile(voxels, 0.9),
        vmin=0,
        cmap="inferno_r",
        colorbar=True,
    )
    print(f"  {path}.nii.gz, {path}.png")


def main():
    start = time.perf_counter()
    corpus = load_corpus()
    studies = corpus["studies"]
    print(f"{corpus['name']}: {studies}; {corpus['n_set_aside']} without peaks or text set aside")

    # All rows of one paper go to the same side: they share a text, so the test would be unfair.
    splitter = GroupShuffleSplit(n_splits=1, random_state=0, **corpus["sizes"])
    train, test = next(splitter.split(studies.ids, groups=studies.groups))

    # Everything is learnt from the training studies: terms, regions, embedding.
    vectorizer = corpus["vectorizer"].fit(corpus["documents"][train])
    X_train, X_test = (vectorizer.transform(corpus["documents"][rows]) for rows in (train, test))
    regions = PeaksToRegions(n_regions=corpus["n_regions"], random_state=0)
    Y_train, Y_test = regions.fit_transform(studies[train]), regions.transform(studies[test])
    print(f"{len(train)} to train on: {X_train.shape[1]} terms, {Y_train.shape[1]} regions")

    embedder = HyperbolicBrainTextEmbedder(random_state=0)
    embedder.fit(X_train, Y_train, groups=studies.groups[train])

    n_papers = len(np.unique(studies.groups[test]))
    print(f"\nRetrieval among {len(test)} held-out rows of {n_papers} papers")
    text_points, brain_points = embedder.transform(X_test, Y_test)
    print_retrieval(embedder.similarity(text_points, brain_points))

    print("\nPredicted maps, in peaks per cubic centimetre")
    OUTPUT.mkdir(exist_ok=True)
    for query in corpus["queries"]:
        write_map(query, embedder.predict(vectorizer.transform([query]))[0], regions)
    print(f"\n{time.perf_counter() - start:.0f} seconds")


if __name__ == "__main__":
    main()
