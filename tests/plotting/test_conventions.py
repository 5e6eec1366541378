"""What all figures have in common."""

import subprocess
import sys

import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pytest
from matplotlib.figure import Figure

from sklearn_mnm import plotting
from sklearn_mnm.exceptions import InvalidInputError, MissingDependencyError
from sklearn_mnm.plotting._figure import COLOURS, axes_or_new, figure_or_new

QUERIES = ["reward anticipation", "working memory", "fear", "finger tapping"]
HISTORY = [{"epoch": epoch, "loss": 2.0 / epoch, "scale": 12.0} for epoch in (1, 2, 3)]


def image():
    return nibabel.Nifti1Image(
        np.random.default_rng(0).random((20, 24, 20)), np.diag([8.0] * 3 + [1])
    )


def disk(encoder, **place):
    points = encoder.embedder_.ancestors(encoder.predict(QUERIES))
    return plotting.plot_poincare_disk(points, labels={"region": QUERIES}, **place)


def similarity():
    return np.random.default_rng(0).normal(size=(30, 30))


# By name: how to draw, and the argument for the place.
FIGURES = {
    "map": (lambda _, **place: plotting.plot_map(image(), title="a", label="z", **place), "ax"),
    "disk": (disk, "ax"),
    "radii": (
        lambda encoder, **place: plotting.plot_radii(
            {"texts": encoder.transform(QUERIES)}, **place
        ),
        "ax",
    ),
    "similarity": (
        lambda _, **place: plotting.plot_similarity_matrix(
            similarity()[:4, :4], text_labels=QUERIES, map_labels=QUERIES, **place
        ),
        "ax",
    ),
    "calibration": (
        lambda encoder, **place: plotting.plot_calibration(
            encoder, QUERIES, encoder.predict(QUERIES), **place
        ),
        "ax",
    ),
    "levels": (
        lambda encoder, **place: plotting.plot_levels(
            encoder, QUERIES[0], levels=["region", "ward7"], **place
        ),
        "figure",
    ),
    "walk": (
        lambda encoder, **place: plotting.plot_walk(encoder, QUERIES[0], n_steps=2, **place),
        "figure",
    ),
    "history": (lambda _, **place: plotting.plot_history(HISTORY, **place), "figure"),
    "retrieval": (
        lambda _, **place: plotting.plot_retrieval_curve({"a": similarity()}, **place),
        "figure",
    ),
}
EACH = pytest.mark.parametrize("name", FIGURES)


@EACH
def test_without_a_place_one_new_figure_is_made_and_nothing_is_cut_off_at_its_edges(encoder, name):
    figure = FIGURES[name][0](encoder)
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == [figure.number]
    figure.canvas.draw()
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert drawn.x0 > -0.01
    assert drawn.y0 > -0.01
    assert drawn.x1 < width + 0.01
    assert drawn.y1 < height + 0.01


@EACH
def test_what_is_drawn_goes_to_the_place_that_is_given(encoder, name):
    draw, argument = FIGURES[name]
    figure = plt.figure(figsize=(9, 5))
    if argument == "ax":
        ax, other = figure.subplots(1, 2)
        assert draw(encoder, ax=ax) is figure
        figure.canvas.draw()
        left_of = other.get_position().x0
        assert not other.has_data()
        assert all(more.get_position().x1 < left_of for more in figure.axes if more is not other)
    else:
        assert draw(encoder, figure=figure) is figure
        assert len(figure.axes) >= 2
    assert plt.get_fignums() == [figure.number]


@EACH
def test_subfigures_are_places_too(encoder, name):
    draw, argument = FIGURES[name]
    whole = plt.figure(figsize=(14, 6))
    left, right = whole.subfigures(1, 2)
    place = right.subplots() if argument == "ax" else right
    assert draw(encoder, **{argument: place}) is right
    assert left.axes == []
    whole.canvas.draw()
    for ax in whole.axes:
        assert ax.get_window_extent().x0 >= whole.bbox.width / 2 - 1
    assert plt.get_fignums() == [whole.number]


@EACH
def test_other_places_are_refused_and_nothing_is_left_open(encoder, name):
    draw, argument = FIGURES[name]
    with pytest.raises(InvalidInputError, match=f"{argument} is of type str"):
        draw(encoder, **{argument: "left"})
    assert plt.get_fignums() == []


def test_a_new_figure_is_closed_again_if_drawing_fails():
    with pytest.raises(ZeroDivisionError), figure_or_new(None, (2, 2)):
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), axes_or_new(None, (2, 2)):
        raise ZeroDivisionError
    assert plt.get_fignums() == []


def test_a_figure_of_the_caller_stays_open_if_drawing_fails():
    figure = plt.figure()
    with pytest.raises(ZeroDivisionError), figure_or_new(figure, (2, 2)):
        raise ZeroDivisionError
    assert plt.get_fignums() == [figure.number]


def test_importing_does_not_import_what_draws():
    code = (
        "import sys, sklearn_mnm.plotting\n"
        "slow = {'matplotlib', 'plotly', 'nilearn.plotting'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


@EACH
def test_without_matplotlib_the_error_says_what_to_install(encoder, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingDependencyError, match=r"sklearn-mnm\[plot\]"):
        FIGURES[name][0](encoder)


def test_colours_differ_in_lightness_or_hue_for_the_colour_blind():
    # Deuteranopia and protanopia (Viénot et al. 1999): linear maps of linear RGB.
    for matrix in (
        [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
        [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    ):
        from matplotlib.colors import to_rgb

        seen = np.array([to_rgb(colour) for colour in COLOURS]) ** 2.2 @ np.transpose(matrix)
        seen = np.clip(seen, 0, 1) ** (1 / 2.2)
        gaps = np.linalg.norm(seen[:, np.newaxis] - seen, axis=2)[np.triu_indices(len(seen), 1)]
        assert gaps.min() > 0.1


def test_dollars_in_a_title_are_no_formulas(encoder):
    figure = plotting.plot_levels(encoder, r"fear $\frac$", levels=["region"])
    figure.canvas.draw()
    assert r"\$\frac\$" in figure.get_suptitle()
