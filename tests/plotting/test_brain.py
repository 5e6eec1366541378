"""Brain figures show the values of their maps, above the threshold and nothing else."""

import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pytest
from nilearn.datasets import load_mni152_brain_mask
from nilearn.image import index_img

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.plotting import plot_levels, plot_map

QUERY = "reward anticipation"


@pytest.fixture(scope="module")
def mask():
    return load_mni152_brain_mask(resolution=4)


@pytest.fixture(scope="module")
def image(encoder):
    return encoder.predict_img([QUERY], kind="z", resolution=4)


def shown_values(figure):
    """Values in the panels of nilearn that are not transparent, backgrounds left out."""
    panels = [
        np.ma.masked_invalid(picture.get_array())
        for ax in figure.axes
        for picture in ax.get_images()
        if picture.get_cmap().name.startswith("magma")
    ]
    return [panel.compressed() for panel in panels]


def colour_bar(figure):
    (ax,) = [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]
    return ax


@pytest.mark.parametrize("view", ["glass", "slices"])
def test_values_above_the_threshold_are_shown_and_no_others(image, view):
    figure = plot_map(image, view=view, threshold=1.5)
    values = np.concatenate(shown_values(figure))
    assert values.min() > 1.5 - 1e-6
    assert 1.5 < values.max() <= image.get_fdata().max() + 1e-6
    low, high = colour_bar(figure).get_ylim()
    assert (low, high) == (1.5, pytest.approx(image.get_fdata().max()))


@pytest.mark.parametrize("view", ["glass", "slices"])
def test_what_is_equal_to_the_threshold_is_shown(mask, view):
    image = nibabel.Nifti1Image(2.0 * np.asarray(mask.dataobj), mask.affine)
    panels = shown_values(plot_map(image, view=view, threshold=2.0))
    assert panels
    assert all(len(panel) > 100 for panel in panels)


def test_a_glass_brain_shows_the_highest_value_of_the_map(image):
    figure = plot_map(image, threshold=1.5)
    panels = shown_values(figure)
    assert len(panels) == 4
    highest = image.get_fdata().max()
    # From the front and from above the whole brain, from the sides half of it.
    assert sorted(panel.max() for panel in panels)[1:] == pytest.approx([highest] * 3)


def test_slices_are_where_their_labels_say(image):
    figure = plot_map(image, view="slices", threshold=1.5)
    written = [text.get_text() for ax in figure.axes for text in ax.texts]
    places = [int(text.removeprefix("z=")) for text in written if text.startswith("z=")]
    assert places == [-20, -8, 4, 16, 30, 44, 56]


@pytest.mark.parametrize("view", ["glass", "slices"])
def test_negative_values_are_not_shown_as_positive(image, view):
    data = -np.abs(image.get_fdata())
    data[20, 25, 20] = 3.0
    figure = plot_map(nibabel.Nifti1Image(data, image.affine), view=view, threshold=1.5, vmax=4)
    values = np.concatenate([*shown_values(figure), [2.0]])
    assert values.min() >= 1.5 - 1e-6
    assert len(np.unique(values.round(3))) <= 2


def test_values_that_are_not_finite_count_as_zero(image):
    data = image.get_fdata().copy()
    spoilt = data.copy()
    spoilt[0, 0, :3] = np.nan, np.inf, -np.inf
    before, after = (
        plot_map(nibabel.Nifti1Image(values, image.affine)) for values in (data, spoilt)
    )
    for one, other in zip(shown_values(before), shown_values(after), strict=True):
        np.testing.assert_array_equal(one, other)
    assert colour_bar(before).get_ylim() == colour_bar(after).get_ylim()


def test_without_a_threshold_an_eighth_of_the_highest_is_taken(image):
    low, high = colour_bar(plot_map(image)).get_ylim()
    assert low == pytest.approx(high / 8)


def test_the_colour_bar_has_the_label_and_range_that_are_given(image):
    figure = plot_map(image, threshold=1.0, vmax=5.0, label="z", title="reward")
    bar = colour_bar(figure)
    assert bar.get_ylabel() == "z"
    assert bar.get_ylim() == (1.0, 5.0)
    assert any(ax.get_title(loc="left") == "reward" for ax in figure.axes)


@pytest.mark.parametrize("view", ["glass", "slices", "surface"])
def test_a_map_with_nothing_to_show_is_drawn_empty_and_without_warning(mask, view, recwarn):
    figure = plot_map(mask, view=view, threshold=2.0)
    figure.canvas.draw()
    assert sum(len(panel) for panel in shown_values(figure)) == 0
    assert len(figure.axes) > 4
    assert not [warning for warning in recwarn if "empty mask" in str(warning.message)]


def face_colours(figure):
    """By panel, in the order left lateral, left medial, right medial, right lateral."""
    panels = [ax for ax in figure.axes if ax.name == "3d"]
    return [ax.collections[0].get_facecolor() for ax in panels]


def is_coloured(colours):
    return np.ptp(colours[:, :3], axis=1) > 0.02  # else grey


def test_the_surface_shows_each_hemisphere_its_own_values(mask):
    data = mask.get_fdata()
    left = nibabel.affines.apply_affine(mask.affine, np.argwhere(data > 0))[:, 0] < -4
    data[data > 0] = np.where(left, 3.0, 0.0)
    figure = plot_map(nibabel.Nifti1Image(data, mask.affine), view="surface", vmax=5)
    shares = [is_coloured(colours).mean() for colours in face_colours(figure)]
    assert len(shares) == 4
    assert min(shares[:2]) > 0.9
    assert max(shares[2:]) < 0.05
    titles = [ax.texts[0].get_text() for ax in figure.axes if ax.name == "3d"]
    assert titles == ["L lateral", "L medial", "R medial", "R lateral"]


def test_levels_are_rows_on_one_scale_and_show_the_maps_of_the_encoder(encoder):
    figure = plot_levels(encoder, QUERY)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert [title for title in titles if title] == [
        "512 regions",
        "17 networks (ward17)",
        "7 networks (ward7)",
    ]
    assert figure.get_suptitle() == f"“{QUERY}”"
    panels = shown_values(figure)
    assert len(panels) == 3 * 4
    highest = []
    for row, level in enumerate(("region", "ward17", "ward7")):
        expected = encoder.predict_img([QUERY], kind="z", level=level, resolution=2).get_fdata()
        highest.append(expected.max())
        shown = np.concatenate(panels[4 * row : 4 * row + 4])
        assert shown.max() == pytest.approx(expected.max())
        assert shown.min() > 1.95
    low, high = colour_bar(figure).get_ylim()
    assert low == pytest.approx(1.96, abs=0.001)
    assert high == pytest.approx(max(highest))


def test_levels_and_views_can_be_chosen(encoder):
    figure = plot_levels(encoder, QUERY, levels=["ward7", "brain"], views=["slices", "surface"])
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert [title for title in titles if title] == ["7 networks (ward7)", "whole brain"]
    assert len(face_colours(figure)) == 2 * 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"view": "side"}, "view='side'"),
        ({"threshold": -1.0}, "threshold=-1.0"),
        ({"threshold": np.nan}, "threshold=nan"),
        ({"threshold": 2.0, "vmax": 2.0}, "vmax=2.0"),
        ({"vmax": np.inf}, "vmax=inf"),
    ],
)
def test_wrong_scales_and_views_are_refused(image, arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        plot_map(image, **arguments)
    assert plt.get_fignums() == []


def test_several_maps_at_once_are_refused(encoder):
    images = encoder.predict_img([QUERY, "fear"])
    with pytest.raises(InvalidInputError, match="index_img"):
        plot_map(images)
    assert len(shown_values(plot_map(index_img(images, 0)))) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"levels": ["yeo7"]}, "levels="),
        ({"levels": "region"}, "levels='region'"),
        ({"levels": []}, r"levels=\[\]"),
        ({"views": ["side"]}, "views="),
        ({"threshold": -1.0}, "threshold"),
        ({"text": "qwertz"}, "known term"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.UnknownQueryWarning")
def test_levels_that_are_not_there_are_refused(encoder, arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        plot_levels(encoder, **{"text": QUERY, **arguments})
    assert plt.get_fignums() == []


def test_an_encoder_that_knows_no_places_is_refused(placeless):
    with pytest.raises(InvalidInputError, match="where regions are"):
        plot_levels(placeless, "finger", levels=["region"])
    assert plt.get_fignums() == []
