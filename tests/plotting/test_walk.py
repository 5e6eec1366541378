"""The walk shows the maps that are decoded from its steps and the terms that it meets."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.plotting import plot_walk
from sklearn_mnm.walk import geodesic_to_root

QUERY = "reward anticipation"


def written(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


@pytest.fixture(scope="module")
def steps(encoder):
    """Maps decoded from four steps of the walk, as an image."""
    curvature = encoder.embedder_.curvature_
    points = geodesic_to_root(encoder.transform([QUERY])[0], curvature=curvature, n_steps=4)
    activations = encoder.embedder_.inverse_transform(points)
    return encoder.regions_.inverse_transform(activations)


def test_terms_and_radii_are_those_of_the_walk(encoder):
    figure = plot_walk(encoder, QUERY, n_steps=4, k=3)
    walk = encoder.walk(QUERY, n_steps=4, k=3)
    texts = written(figure)
    terms = [text for text in texts if text in set(walk["term"])]
    assert terms == list(walk["term"])
    names = ("text", "step", "step", "root")
    radii = walk.groupby("step")["radius"].first()
    captions = [text for text in texts if "radius" in text]
    for caption, name, radius in zip(captions, names, radii, strict=True):
        assert caption.startswith(f"{name}, radius {radius:.2f}\n")
    assert QUERY in figure.get_suptitle()


def test_maps_are_those_decoded_from_the_steps(encoder, steps):
    figure = plot_walk(encoder, QUERY, n_steps=4, k=1, unit="foci/ml")
    highest = steps.get_fdata().max(axis=(0, 1, 2))
    captions = [text.split("\n")[1] for text in written(figure) if "radius" in text]
    assert captions == [f"max. {value:.2g} foci/ml" for value in highest]
    pictures = [ax.get_images()[0] for ax in figure.axes if ax.get_images()]
    assert len(pictures) == 4 * 2
    for picture in pictures:
        values = np.ma.masked_invalid(picture.get_array()).compressed()
        assert values.max() == pytest.approx(100)
        assert values.min() > 25
    # From above: where the highest of the map is.
    for column in range(4):
        data = steps.get_fdata()[..., column]
        expected = (data.max(axis=2) > 0.25 * data.max()).sum()
        shown = np.ma.masked_invalid(pictures[2 * column + 1].get_array()).count()
        assert shown == expected


def test_long_texts_are_shortened_in_the_title(encoder, studies):
    figure = plot_walk(encoder, studies.texts[0], n_steps=2, k=1)
    title = figure.get_suptitle()
    assert "…" in title
    assert "\n" not in title
    assert len(title) < 120


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"n_steps": 1}, "n_steps=1"), ({"k": 0}, "k=0"), ({"text": "qwertz"}, "known term")],
)
@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.UnknownQueryWarning")
def test_walks_that_do_not_exist_are_refused(encoder, arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        plot_walk(encoder, **{"text": QUERY, **arguments})
    assert plt.get_fignums() == []


def test_an_encoder_that_knows_no_places_is_refused(placeless):
    with pytest.raises(InvalidInputError, match="where regions are"):
        plot_walk(placeless, "finger")
    assert plt.get_fignums() == []
