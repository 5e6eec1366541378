"""Make the model that comes with the package: ``python -m benchmarks pretrained``.

Needs ``SKLEARN_MNM_DATA``. First measures, on held-out studies of three folds, what a model of the
same settings is worth after it has been stored as compactly; then fits to all studies, writes the
model into the package and its card beside it.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import sklearn_mnm
from benchmarks.common.protocol import (
    EVERYDAY_FOLDS,
    FWHM,
    RESOLUTION,
    data_folder,
    load_corpus,
    map_scores,
    retrieval_scores,
    split,
    voxel_maps,
)
from sklearn_mnm import (
    HyperbolicBrainTextEmbedder,
    MNMEncoder,
    PeaksToRegions,
    Studies,
    TermVectorizer,
    load_model,
    save_model,
)
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.metrics import radial_order, recall_at_k
from sklearn_mnm.text import learn_synonyms, load_cognitive_atlas

NAME = "neuroquery"
FOLDER = Path(sklearn_mnm.__file__).parent / "persistence" / "pretrained_models"
N_COMPONENTS = 64
SEED = 0
TEMPLATE = Path(__file__).parent / "pretrained_card.md"


def synonyms(studies: Studies) -> dict[str, dict[str, float]]:
    """Learn how to read words of titles that are no terms."""
    vectorizer = TermVectorizer(studies.vocabulary)
    features = vectorizer.fit_transform(studies.counts)
    titles = [str(title) for title in studies.titles]
    return learn_synonyms(titles, features, list(vectorizer.vocabulary_))


def fit(
    studies: Studies,
    n_components: int | None = N_COMPONENTS,
    read_as: dict[str, dict[str, float]] | None = None,
) -> MNMEncoder:
    """Fit the settings of the model; synonyms change no text that is given as counts."""
    encoder = MNMEncoder(
        vectorizer=TermVectorizer(studies.vocabulary, synonyms=read_as),
        regions=PeaksToRegions(resolution=RESOLUTION, fwhm=FWHM, random_state=SEED),
        embedder=HyperbolicBrainTextEmbedder(n_components=n_components, random_state=SEED),
        random_state=SEED,
    ).fit(studies)
    # Kept with the model, so that nobody waits for it at the first image.
    encoder.noise_null_ = encoder.decoder()._noise_null()
    return encoder


def measure(train: Studies, test: Studies) -> dict[str, float]:
    """Fit, store compactly, load, and measure on the test studies of a fold."""
    with tempfile.TemporaryDirectory() as folder:
        save_model(fit(train), Path(folder) / NAME, precision="compact")
        encoder = load_model(Path(folder) / NAME)
    decoder = encoder.decoder()
    texts, brains = encoder.transform(test), decoder.transform(test)
    scores = retrieval_scores(encoder.embedder_.similarity(texts, brains))
    predicted, std = encoder.predict(test, return_std=True)
    scores |= map_scores(encoder.regions_.voxels_from_regions(predicted), voxel_maps(test))
    observed = encoder.regions_.transform(test)
    lower, upper = encoder.predict_interval(test, coverage=0.9)
    known = np.any(texts[:, 1:], axis=1) & np.any(brains[:, 1:], axis=1)
    z = encoder.predict_z(test)
    unrelated = observed <= 0.1 * observed.max(axis=1, keepdims=True)
    return {
        "text to brain R@10, %": scores["t2b R@10"],
        "brain to text R@10, %": scores["b2t R@10"],
        "voxel correlation of predicted maps": scores["map corr"],
        "Dice of the top 5 % of voxels": scores["map Dice"],
        "mean average precision of decoded terms, %": 100 * decoder.score(test),
        "coverage of 90 % intervals, %": 100 * np.mean((lower <= observed) & (observed <= upper)),
        "root mean square of residual / std": np.sqrt(np.mean(((observed - predicted) / std) ** 2)),
        "z > 3.09 where text and region are unrelated, %": 100 * np.mean(z[unrelated] > 3.09),
        "own map among the 50 of 1,000 at the smallest angle to the text, %": recall_at_k(
            encoder.embedder_.similarity(texts, brains), k=50
        ),
        "text nearer to the root than its map, %": radial_order(texts[known], brains[known]),
    }


def measure_terms(encoder: MNMEncoder) -> dict[str, float]:
    """Measure the order of terms by relations of the Cognitive Atlas, of which it knows nothing."""
    atlas = load_cognitive_atlas(data_folder() / "cognitive_atlas")
    radius = dict(zip(encoder.terms_, encoder._term_hierarchy().radii, strict=True))
    pairs = atlas.pairs_in(encoder.vectorizer_)
    nearer = [radius[parent] < radius[child] for child, parent in pairs.to_numpy()]
    above = atlas.pairs_in(encoder.vectorizer_, max_steps=None).groupby("child")["parent"].agg(set)
    found = encoder.ancestors(list(above.index), k=10).groupby("query")["term"].agg(set)
    return {
        f"parent nearer to the root, {len(pairs)} relations of the Cognitive Atlas, %": 100
        * np.mean(nearer),
        f"a true ancestor among the first ten, {len(above)} concepts of the Cognitive Atlas, %": 100
        * np.mean([bool(found.get(i, set()) & terms) for i, terms in enumerate(above)]),
    }


def main() -> None:
    """Measure, fit, store and write the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=FOLDER, help="default: into the package")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", DataWarning)
    studies, folds = load_corpus()
    measured = pd.DataFrame([measure(*split(studies, folds, fold)) for fold in EVERYDAY_FOLDS])
    rows = [f"| {c} | {measured[c].mean():.3g} ± {measured[c].std():.2g} |" for c in measured]
    encoder = fit(studies, read_as=synonyms(studies))
    rows += [f"| {name} | {value:.3g} |" for name, value in measure_terms(encoder).items()]
    folder = arguments.output / NAME
    save_model(encoder, folder, precision="compact", overwrite=True)
    size = sum(path.stat().st_size for path in folder.iterdir())
    card = TEMPLATE.read_text(encoding="utf-8").format(
        n_studies=f"{len(encoder.neighbours_.ids):,}",
        n_peaks=f"{len(studies.peaks):,}",
        n_terms=f"{len(encoder.terms_):,}",
        n_regions=encoder.n_regions_,
        n_components=N_COMPONENTS,
        n_dimensions=encoder.embedder_.n_dimensions_,
        seed=SEED,
        megabytes=f"{size / 1e6:.1f}",
        version=sklearn_mnm.__version__,
        folds=", ".join(map(str, EVERYDAY_FOLDS)),
        quality="\n".join(rows),
    )
    (arguments.output / f"{NAME}.md").write_text(card, encoding="utf-8")
    print(card)
