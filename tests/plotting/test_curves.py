"""Curves and histograms hold the numbers that they stand for."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.patches import StepPatch

from sklearn_mnm import HyperbolicBrainTextEmbedder
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.geometry import radius
from sklearn_mnm.metrics import recall_at_k
from sklearn_mnm.plotting import (
    plot_calibration,
    plot_history,
    plot_radii,
    plot_retrieval_curve,
    plot_similarity_matrix,
)

PROPERTY = settings(max_examples=15, derandomize=True)


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


# Radii


def test_histograms_count_every_point_at_its_radius(encoder, points):
    curvature = encoder.embedder_.curvature_
    (ax,) = plot_radii(points, curvature=curvature).axes
    patches = [patch for patch in ax.patches if isinstance(patch, StepPatch)]
    assert len(patches) == len(points)
    for row, (patch, values) in enumerate(zip(patches, points.values(), strict=True)):
        radii = radius(torch.from_numpy(values.astype(float)), curvature).numpy()
        heights, edges, baseline = patch.get_data()
        assert baseline == row
        assert edges[0] == 0
        assert edges[-1] > radii.max()
        counts = np.histogram(radii, edges)[0]
        assert counts.sum() == 60
        np.testing.assert_allclose((heights - row) / (heights - row).max(), counts / counts.max())
        assert heights.max() < row + 1  # does not reach into the next row
        assert f"{np.median(radii):.2f}" in [text.get_text() for text in ax.texts]
    assert [label.get_text().split("\n")[0] for label in ax.get_yticklabels()] == list(points)
    assert "radius" in ax.get_xlabel()


def test_texts_are_drawn_nearer_to_the_root_than_maps(points):
    (ax,) = plot_radii({kind: points[kind] for kind in ("texts", "region")}).axes
    text, brain = (float(label.get_text()) for label in ax.texts)
    assert text < brain


def test_points_at_the_root_can_be_drawn():
    (ax,) = plot_radii({"nothing": [[1.0, 0.0, 0.0]]}).axes
    assert ax.texts[0].get_text() == "0.00"


def test_radii_of_other_points_are_refused():
    with pytest.raises(InvalidInputError, match="hyperboloid"):
        plot_radii({"texts": [[1.0, 1.0, 1.0]]})
    assert plt.get_fignums() == []


# Training


@pytest.fixture(scope="module")
def fitted():
    random = np.random.default_rng(0)
    topics = random.dirichlet(np.full(6, 0.1), size=120)
    X, Y = (random.poisson(topics @ random.gamma(0.3, size=(6, n)) * 5) for n in (80, 40))
    embedder = HyperbolicBrainTextEmbedder(
        n_components=8, validation_fraction=0.3, max_epochs=4, random_state=0
    )
    return embedder.fit(X, Y)


def test_every_column_of_a_history_has_its_panel(fitted):
    table = pd.DataFrame(fitted.history_)
    figure = plot_history(fitted.history_)
    drawn = {}
    for ax in figure.axes:
        for label, line in lines(ax).items():
            if not label.startswith("_"):
                drawn[ax.get_title(), label] = line
    columns = [name for name in table if name != "epoch" and not name.endswith("_radius")]
    assert {"loss", "alignment", "validation_score", "curvature"} <= set(columns)
    for name in columns:
        (line,) = [line for (_, label), line in drawn.items() if label == name.replace("_", " ")]
        known = table[["epoch", name]].dropna()
        np.testing.assert_array_equal(line.get_xydata(), known.to_numpy(dtype=float))
    assert figure.get_supxlabel() == "epoch"


def test_radii_share_a_panel():
    rows = [{"epoch": e, "text_radius": 0.3, "brain_radius": 0.8 + e, "lr": 0.1} for e in (0, 1)]
    figure = plot_history(pd.DataFrame(rows))
    titles = [ax.get_title() for ax in figure.axes if ax.get_visible()]
    assert titles == ["mean radius", "lr"]
    panel = lines(figure.axes[0])
    assert panel["text"].get_ydata().tolist() == [0.3, 0.3]
    assert panel["brain"].get_ydata().tolist() == [0.8, 1.8]
    assert len(figure.axes[0].get_legend().get_texts()) == 2


def test_the_epoch_whose_weights_are_kept_is_marked(fitted):
    rows = [{"epoch": e, "loss": 1.0, "validation_score": s} for e, s in enumerate([0, 2, 4, 4, 1])]
    for history, best in ((fitted.history_, fitted.best_epoch_), (rows, 2)):
        for ax in plot_history(history).axes[:2]:
            (marked,) = [line for line in ax.get_lines() if line.get_linestyle() == ":"]
            assert set(marked.get_xdata()) == {best}


@pytest.mark.parametrize(
    "form", [pd.DataFrame, list, lambda rows: pd.DataFrame(rows).to_dict("list")]
)
def test_histories_of_every_form_are_drawn_alike(form):
    rows = [{"epoch": 0}, {"epoch": 2, "loss": 1.0}, {"epoch": 1, "loss": 3.0}]
    (ax,) = plot_history(form(rows)).axes
    assert ax.get_lines()[0].get_xydata().tolist() == [[1, 3], [2, 1]]


@pytest.mark.parametrize(
    "history", [[], [{"epoch": 0}], [{"loss": 1.0}], [{"epoch": 1, "loss": "high"}], 3.0]
)
def test_what_is_no_history_is_refused(history):
    with pytest.raises(InvalidInputError, match="history"):
        plot_history(history)
    assert plt.get_fignums() == []


# Retrieval


@PROPERTY
@given(arrays(float, (9, 9), elements=st.integers(-3, 3).map(float)))
def test_recall_curves_hold_the_recall_at_every_k(scores):
    figure = plot_retrieval_curve({"model": scores})
    for ax, matrix in zip(figure.axes, (scores, scores.T), strict=True):
        drawn = lines(ax)
        expected = [recall_at_k(matrix, k) for k in range(1, 10)]
        assert drawn["model"].get_xdata().tolist() == list(range(1, 10))
        np.testing.assert_allclose(drawn["model"].get_ydata(), expected)
        np.testing.assert_allclose(drawn["chance"].get_ydata(), 100 * np.arange(1, 10) / 9)
    plt.close(figure)


def test_models_are_told_apart_by_colour_and_line(encoder, points):
    own = encoder.embedder_.similarity(points["texts"], points["region"])
    figure = plot_retrieval_curve({"model": own, "shuffled": np.roll(own, 1, axis=0)})
    text_to_map, map_to_text = figure.axes
    drawn = lines(text_to_map)
    assert [text.get_text() for text in text_to_map.get_legend().get_texts()] == list(drawn)
    assert list(drawn) == ["model", "shuffled", "chance"]
    for get in ("get_color", "get_linestyle"):
        assert getattr(drawn["model"], get)() != getattr(drawn["shuffled"], get)()
    assert drawn["model"].get_ydata()[9] > 2 * drawn["shuffled"].get_ydata()[9]
    assert (text_to_map.get_title(), map_to_text.get_title()) == ("Text to map", "Map to text")
    assert "%" in text_to_map.get_ylabel()
    assert "of 60 candidates" in text_to_map.get_xlabel()


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({}, "of 0"),
        (np.eye(3), "ndarray"),
        ({"a": np.ones((2, 3))}, r"scores\['a'\].*square"),
        ({"a": np.full((2, 2), np.nan)}, r"scores\['a'\].*NaN"),
        ({"a": np.eye(3), "b": np.eye(4)}, "'a': 3, 'b': 4"),
        ({str(number): np.eye(3) for number in range(8)}, "of 8"),
    ],
)
def test_scores_that_do_not_compare_are_refused(scores, message):
    with pytest.raises(InvalidInputError, match=message):
        plot_retrieval_curve(scores)
    assert plt.get_fignums() == []


# Similarity


@PROPERTY
@given(st.integers(0, 2**31), st.integers(1, 12))
def test_groups_bring_texts_and_maps_of_the_same_studies_together(seed, n):
    random = np.random.default_rng(seed)
    matrix, groups = random.normal(size=(n, n)), random.choice(["n-back", "flanker"], n)
    figure = plot_similarity_matrix(matrix, groups=groups)
    drawn = np.asarray(figure.axes[0].get_images()[0].get_array())
    first = list(dict.fromkeys(groups))
    order = np.concatenate([np.flatnonzero(groups == group) for group in first])
    np.testing.assert_array_equal(drawn, matrix[order][:, order])
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        names = [label.get_text().split("\n")[0] for label in axis.get_ticklabels()]
        assert names == first
    borders = {line.get_xdata()[0] for line in figure.axes[0].get_lines()[1::2]}
    assert borders == {(groups == first[0]).sum() - 0.5 for _ in first[1:]}
    plt.close(figure)


def test_small_matrices_are_labelled_and_hold_their_values():
    matrix = np.array([[-1.25, 0.5, 0.0], [0.125, 2.0, -0.5]])
    figure = plot_similarity_matrix(
        matrix, text_labels=["fear", "tapping"], map_labels=["a", "b", "c"], label="cosine"
    )
    ax, bar = figure.axes
    assert bar.get_ylabel() == "cosine"
    assert [text.get_text().replace("\N{MINUS SIGN}", "-") for text in ax.texts] == [
        f"{value:.2f}" for value in matrix.ravel()
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["fear", "tapping"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("maps (n = 3)", "texts (n = 2)")


def test_values_are_legible_on_their_cells():
    figure = plot_similarity_matrix(np.linspace(0, 1, 16).reshape(4, 4))
    (picture,) = figure.axes[0].get_images()
    for text, value in zip(figure.axes[0].texts, np.linspace(0, 1, 16), strict=True):
        background = picture.cmap(picture.norm(value))[:3] @ np.array([0.2126, 0.7152, 0.0722])
        ink = 0.0 if text.get_color() == "black" else 1.0
        assert abs(background - ink) > 0.4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"similarity": np.ones(3)}, "similarity"),
        ({"similarity": [["a"]]}, "real numbers"),
        ({"similarity": [[np.inf]]}, "infinite"),
        ({"similarity": np.eye(3), "text_labels": ["a"]}, "text_labels has length 1"),
        ({"similarity": np.eye(3), "map_labels": "abc"}, "map_labels has length 3"),
        ({"similarity": np.eye(3), "groups": ["a", "b"]}, "groups has length 2"),
        ({"similarity": np.ones((2, 3)), "groups": ["a", "b"]}, "one map for each text"),
    ],
)
def test_matrices_that_cannot_be_drawn_are_refused(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        plot_similarity_matrix(**arguments)
    assert plt.get_fignums() == []


# Calibration


@pytest.fixture(scope="module")
def observed(encoder, studies):
    peaks = [
        studies.peaks.loc[studies.peaks["id"] == name, ["x", "y", "z"]] for name in studies.ids
    ]
    near = [table[table.abs().max(axis=1) < 70].to_numpy() for table in peaks]
    return encoder.regions_.transform(near)


def test_coverage_is_that_of_the_intervals_of_the_encoder(encoder, studies, observed):
    (ax,) = plot_calibration(encoder, studies, observed).axes
    drawn = lines(ax)
    hierarchy = encoder.hierarchy_
    names = {
        "region": "512 regions",
        "ward17": "17 networks (ward17)",
        "ward7": "7 networks (ward7)",
    }
    for level, name in names.items():
        values = hierarchy.aggregate(observed, level)
        for nominal in (0.5, 0.8, 0.9):
            lower, upper = encoder.predict_interval(studies, level, nominal)
            within = (lower <= values) & (values <= upper)
            line = dict(np.round(drawn[name].get_xydata(), 6))
            assert line[100 * nominal] == pytest.approx(100 * within.mean())
    dashed = [
        line for line in ax.get_lines() if line.get_linestyle() == "--" and len(line.get_xdata())
    ]
    assert len(dashed) == 3
    predicted = encoder.predict(studies)
    lower, upper = encoder.predict_interval(studies, coverage=0.9)
    strong = predicted >= np.quantile(predicted, 0.9)
    expected = 100 * ((lower <= observed) & (observed <= upper))[strong].mean()
    assert dict(np.round(dashed[0].get_xydata(), 6))[90.0] == pytest.approx(expected)
    low, high = ax.get_ylim()
    for line in ax.get_lines()[1:]:
        assert all(low <= value <= high for value in line.get_ydata())
    assert "60 studies" in ax.get_ylabel()


def test_levels_can_be_chosen(encoder, studies, observed):
    (ax,) = plot_calibration(encoder, studies, observed, levels=["ward7", "brain"]).axes
    assert {"7 networks (ward7)", "whole brain"} <= set(lines(ax))


def test_peaks_of_studies_are_their_maps(encoder, studies):
    with pytest.warns(match="peaks lie more than"):
        (ax,) = plot_calibration(encoder, studies, levels=["ward7"]).axes
    values = lines(ax)["7 networks (ward7)"].get_ydata()
    assert values.min() > 40
    assert (np.diff(values) >= 0).all()


@pytest.mark.parametrize("levels", [["yeo7"], "region", []])
def test_levels_that_are_not_there_are_refused(encoder, studies, observed, levels):
    with pytest.raises(InvalidInputError, match="levels="):
        plot_calibration(encoder, studies, observed, levels=levels)
    assert plt.get_fignums() == []


def test_texts_and_maps_that_do_not_pair_are_refused(encoder, studies, observed):
    with pytest.raises(InvalidInputError, match="60 texts but 59 maps"):
        plot_calibration(encoder, studies, observed[:-1])
    assert plt.get_fignums() == []
