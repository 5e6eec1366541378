"""The Poincaré disk: radii are exact, edges are geodesics, names can be read."""

import html
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.patches import Circle
from matplotlib.text import Annotation, Text
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

from sklearn_mnm.exceptions import InvalidInputError, MissingDependencyError
from sklearn_mnm.geometry import exp_map0, from_space, pairwise_distance, radius
from sklearn_mnm.plotting import plot_poincare_disk, view_poincare_disk
from sklearn_mnm.plotting._disk_geometry import disk_positions, geodesic_arcs

QUERIES = ["reward anticipation", "working memory", "fear", "finger tapping", "reading words"]
LEVELS = [("ward7", "ward17"), ("ward17", "region")]


def points_of(seed, n, dim, curvature, reach=1.0):
    tangents = torch.from_numpy(np.random.default_rng(seed).normal(size=(n, dim)) * reach)
    return exp_map0(tangents, curvature)


def distances_in_the_disk(a, b):
    """Twice artanh of the Möbius difference: curvature -1."""
    return 2 * np.arctanh(np.abs((a - b) / (1 - np.conj(a) * b)))


def offsets(ax):
    scatters = [item for item in ax.collections if isinstance(item, PathCollection)]
    return [np.asarray(scatter.get_offsets()) for scatter in scatters]


def extent(annotation):
    return Text.get_window_extent(annotation)  # without its line


def overlaps(annotations):
    boxes = [extent(annotation) for annotation in annotations]
    return any(a.overlaps(b) for number, a in enumerate(boxes) for b in boxes[:number])


@settings(max_examples=60, derandomize=True)
@given(st.integers(0, 2**31), st.integers(1, 30), st.integers(1, 12), st.floats(0.1, 10))
def test_radii_in_the_disk_are_exact(seed, n, dim, curvature):
    points = points_of(seed, n, dim, curvature)
    positions = disk_positions(points.numpy(), curvature)
    expected = np.tanh(np.sqrt(curvature) * radius(points, curvature).numpy() / 2)
    np.testing.assert_allclose(np.abs(positions), expected, rtol=1e-12)
    assert np.abs(positions).max() < 1


def test_points_however_far_stay_inside_the_rim_and_the_root_in_the_middle():
    tangents = torch.tensor([[0.0, 0.0, 0.0], [300.0, 0.0, 0.0], [0.0, 50.0, 1.0]]).double()
    positions = disk_positions(exp_map0(tangents, 1.0).numpy(), 1.0)
    assert positions[0] == 0
    assert np.abs(positions).max() < 1


@settings(max_examples=40, derandomize=True)
@given(st.integers(0, 2**31), st.integers(3, 30), st.floats(0.1, 10))
def test_points_of_a_plane_keep_all_distances(seed, n, curvature):
    points = points_of(seed, n, 2, curvature)
    positions = disk_positions(points.numpy(), curvature)
    shown = distances_in_the_disk(positions[:, np.newaxis], positions)
    true = pairwise_distance(points, points, curvature).numpy()
    np.testing.assert_allclose(shown, np.sqrt(curvature) * true, atol=1e-6)


def test_angles_are_those_of_the_two_leading_principal_components():
    points = points_of(0, 60, 6, 1.0) + 0.0
    points[:, 1] = points[:, 1].abs() + 1  # a direction that all have in common
    points = from_space(points[:, 1:], 1.0)
    directions = normalize(points[:, 1:].numpy())
    axes = PCA(2).fit(directions).components_
    expected = directions @ axes.T @ [1, 1j]
    positions = disk_positions(points.numpy(), 1.0)
    # Up to one turn, and a reflection.
    turns = (positions / np.abs(positions)) / (expected / np.abs(expected))
    mirrored = (positions / np.abs(positions)) / (np.conj(expected) / np.abs(expected))
    assert min(np.ptp(turns.real), np.ptp(mirrored.real)) < 1e-9
    assert np.mean(positions / np.abs(positions)).real == pytest.approx(0, abs=1e-9)
    assert np.mean(positions / np.abs(positions)).imag > 0


def test_a_turn_of_the_space_does_not_turn_the_picture():
    points = points_of(0, 40, 5, 1.0).numpy()
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]
    turned = np.hstack([points[:, :1], points[:, 1:] @ turn])
    np.testing.assert_allclose(disk_positions(points, 1.0), disk_positions(turned, 1.0), atol=1e-9)


@settings(max_examples=60, derandomize=True)
@given(st.integers(0, 2**31), st.integers(1, 20))
def test_arcs_are_geodesics(seed, n):
    random = np.random.default_rng(seed)
    starts, ends = (
        0.99 * np.sqrt(random.random((2, n))) * np.exp(2j * np.pi * random.random((2, n)))
    )
    arcs = geodesic_arcs(starts, ends)
    np.testing.assert_allclose(arcs[:, 0], starts, atol=1e-12)
    np.testing.assert_allclose(arcs[:, -1], ends, atol=1e-9)
    # No way is shorter than the geodesic, and only along it lengths add up.
    pieces = distances_in_the_disk(arcs[:, :-1], arcs[:, 1:])
    np.testing.assert_allclose(pieces.sum(axis=1), distances_in_the_disk(starts, ends), rtol=1e-6)
    np.testing.assert_allclose(pieces, np.broadcast_to(pieces[:, :1], pieces.shape), rtol=1e-4)


def test_arcs_would_meet_the_rim_at_right_angles():
    (arc,) = geodesic_arcs(np.array([0.5 + 0.1j]), np.array([-0.2 + 0.6j]))
    # Circle through three points: |z - m|^2 = r^2; at right angles to the rim if |m|^2 = 1 + r^2.
    z = arc[[0, 15, 31]]
    system = np.stack([2 * z.real, 2 * z.imag, np.ones(3)], axis=1)
    x, y, rest = np.linalg.solve(system, np.abs(z) ** 2)
    assert rest == pytest.approx(-1, abs=1e-9)  # r^2 - |m|^2
    np.testing.assert_allclose(np.abs(arc - (x + 1j * y)) ** 2, rest + x**2 + y**2, rtol=1e-9)


def test_all_points_of_the_model_are_drawn_at_their_radius(encoder, points):
    curvature = encoder.embedder_.curvature_
    figure = plot_poincare_disk(points, curvature=curvature)
    (ax,) = figure.axes
    drawn = offsets(ax)
    assert len(drawn) == len(points)
    for shown, values in zip(drawn, points.values(), strict=True):
        radii = radius(torch.from_numpy(values.astype(float)), curvature).numpy()
        np.testing.assert_allclose(
            2 * np.arctanh(np.linalg.norm(shown, axis=1)), np.sqrt(curvature) * radii, rtol=1e-9
        )
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [name for name in names if "(" in name] == [f"{kind} (60)" for kind in points]
    assert ax.get_aspect() == 1


def test_circles_stand_where_their_labels_say_and_hold_all_points():
    points = points_of(0, 50, 4, 2.0)
    (ax,) = plot_poincare_disk({"maps": points}, curvature=2.0).axes
    sizes = sorted(patch.radius for patch in ax.patches if isinstance(patch, Circle))
    assert sizes[-1] == 1  # the rim
    labels = {
        text.get_text(): text.get_position() for text in ax.texts if text.get_text() != "root"
    }
    expected = sorted(np.tanh(np.sqrt(2.0) * float(label) / 2) for label in labels)
    # Near the rim circles are too close for a number each.
    assert np.abs(np.subtract.outer(expected, sizes[:-1])).min(axis=1) == pytest.approx(0)
    assert len(expected) >= 2
    for label, position in labels.items():
        assert 2 * np.arctanh(np.hypot(*position)) == pytest.approx(np.sqrt(2.0) * float(label))
    farthest = np.linalg.norm(offsets(ax)[0], axis=1).max()
    assert sizes[-2] >= farthest
    assert ax.get_xlim()[1] > sizes[-2]


def test_numbers_of_circles_do_not_cover_each_other():
    direction = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    far = exp_map0(7 * direction, 1.0).numpy()
    (ax,) = plot_poincare_disk({"maps": far}).axes
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text() != "root"]
    assert len(boxes) >= 2
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])


def test_edges_join_parents_with_their_children(points):
    chosen = {kind: values[:7] for kind, values in points.items()}
    (ax,) = plot_poincare_disk(chosen, edges=LEVELS).axes
    drawn = dict(zip(chosen, offsets(ax), strict=True))
    lines = [item for item in ax.collections if isinstance(item, LineCollection)]
    assert len(lines) == len(LEVELS)
    for collection, (parent, child) in zip(lines, LEVELS, strict=True):
        segments = np.stack(collection.get_segments())
        np.testing.assert_allclose(segments[:, 0], drawn[parent], atol=1e-9)
        np.testing.assert_allclose(segments[:, -1], drawn[child], atol=1e-9)


def test_names_stand_beside_their_points_and_not_on_each_other(encoder):
    points = {"texts": encoder.transform(QUERIES), "maps": encoder.predict(QUERIES)}
    points["maps"] = encoder.embedder_.transform_brain(points["maps"])
    names = [*QUERIES[:4], ""]
    figure = plot_poincare_disk(points, labels={"texts": names})
    figure.canvas.draw()
    (ax,) = figure.axes
    written = {
        text.get_text(): text
        for text in ax.texts
        if isinstance(text, Annotation) and text.get_text() != "root"
    }
    assert list(written) == QUERIES[:4]
    for position, name in zip(offsets(ax)[0], names, strict=False):
        if name:
            np.testing.assert_allclose(written[name].xy, position)
    assert not overlaps(written.values())


def test_many_names_keep_out_of_each_others_way():
    points = points_of(0, 30, 2, 1.0)
    names = [f"name {number}" for number in range(30)]
    figure = plot_poincare_disk({"maps": points}, labels={"maps": names})
    figure.canvas.draw()
    names = [text for text in figure.axes[0].texts if text.get_text().startswith("name")]
    assert len(names) == 30
    assert not overlaps(names)
    frame = figure.axes[0].get_window_extent()
    assert all(frame.contains(*corner) for name in names for corner in extent(name).corners())


def test_a_long_name_of_a_point_at_the_edge_stays_in_the_frame():
    points = exp_map0(torch.tensor([[0.0, 1.0], [-1.0, 0.0], [1.0, 0.0]]).double(), 1.0)
    names = ["", "a rather long name of a point", "and of the opposite one"]
    figure = plot_poincare_disk({"maps": points}, labels={"maps": names})
    figure.canvas.draw()
    (ax,) = figure.axes
    frame = ax.get_window_extent()
    boxes = [extent(text) for text in ax.texts if text.get_text() in names]
    assert len(boxes) == 2
    assert all(frame.x0 <= box.x0 <= box.x1 <= frame.x1 for box in boxes)


def test_radii_are_labelled_where_no_points_are():
    angles = np.radians([*range(-60, 240, 10)])
    tangents = torch.from_numpy(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    (ax,) = plot_poincare_disk({"maps": exp_map0(tangents, 1.0)}).axes
    drawn = np.angle(offsets(ax)[0] @ [1, 1j])
    for label in ax.texts:
        if label.get_text() != "root":
            place = np.angle(np.dot(label.get_position(), [1, 1j]))
            away = np.abs(np.angle(np.exp(1j * (drawn - place))))
            assert np.degrees(away.min()) == pytest.approx(35, abs=1)


def test_the_interactive_disk_shows_the_same_and_names_under_the_pointer(encoder, points, studies):
    pytest.importorskip("plotly")
    titles = ["Is a < b, or <b>not</b>?", *map(str, studies.titles[1:])]
    curvature = encoder.embedder_.curvature_
    figure = view_poincare_disk(points, edges=LEVELS, curvature=curvature, labels={"texts": titles})
    markers = {trace.name: trace for trace in figure.data if trace.mode == "markers"}
    assert list(markers) == [f"{kind} (60)" for kind in points]
    (ax,) = plot_poincare_disk(points, curvature=curvature).axes
    for trace, shown in zip(markers.values(), offsets(ax), strict=True):
        np.testing.assert_allclose(np.stack([trace.x, trace.y], axis=1), shown)
    texts = markers["texts (60)"]
    shown = [html.unescape(text.replace("<br>", " ")) for text in texts.text]
    assert [" ".join(text.split()) for text in shown] == [" ".join(t.split()) for t in titles]
    assert all(len(html.unescape(line)) <= 60 for text in texts.text for line in text.split("<br>"))
    expected = radius(torch.from_numpy(points["texts"].astype(float)), curvature)
    np.testing.assert_allclose(texts.customdata, expected)
    assert "%{text}" in texts.hovertemplate
    assert titles[1].split()[0] in figure.to_html(include_plotlyjs=False)
    assert plt.get_fignums() == [ax.figure.number]


def test_without_plotly_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(MissingDependencyError, match=r"sklearn-mnm\[plot\]"):
        view_poincare_disk({"maps": points_of(0, 3, 2, 1.0)})


ONE, TWO = (
    {"a": points_of(0, 3, 2, 1.0)},
    {"a": points_of(0, 3, 2, 1.0), "b": points_of(1, 4, 2, 1.0)},
)


@pytest.mark.parametrize("draw", [plot_poincare_disk, view_poincare_disk])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"points": {}}, "1 to 7 kinds"),
        ({"points": ONE["a"]}, "Tensor"),
        ({"points": {str(number): ONE["a"] for number in range(8)}}, "of 8"),
        ({"points": {"a": np.empty((0, 3))}}, "no points"),
        ({"points": {"a": [["x", "y", "z"]]}}, "real numbers"),
        ({"points": ONE, "curvature": 2.0}, r"points\['a'\] row 0"),
        ({"points": ONE, "curvature": -1.0}, "curvature=-1.0"),
        ({"points": {**ONE, "b": points_of(0, 3, 4, 1.0)}}, "numbers of coordinates"),
        ({"points": TWO, "edges": [("a", "b")]}, "3 and 4 points"),
        ({"points": TWO, "edges": [("a", "c")]}, r"\('a', 'c'\)"),
        ({"points": TWO, "edges": ["ab"]}, "'ab'"),
        ({"points": ONE, "labels": {"b": ["x"]}}, "'b'"),
        ({"points": ONE, "labels": {"a": "xyz"}}, "length 3"),
        ({"points": ONE, "labels": {"a": ["x"]}}, "length 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, arguments, message):
    pytest.importorskip("plotly")
    with pytest.raises(InvalidInputError, match=message):
        draw(**arguments)
    assert plt.get_fignums() == []


def test_more_names_than_can_be_read_are_refused():
    points = points_of(0, 61, 3, 1.0)
    with pytest.raises(InvalidInputError, match="61 names"):
        plot_poincare_disk({"maps": points}, labels={"maps": ["x"] * 61})
