"""The figure of a walk shows the terms of the walk, and the map predicted of each."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.plotting import plot_walk

QUERY = "reward anticipation"


@pytest.fixture(scope="module")
def figure(encoder):
    """The walk of the query."""
    return plot_walk(encoder, QUERY, unit="foci/ml")


def written(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_terms_and_numbers_are_those_of_the_walk_in_its_order(encoder, figure):
    start, *steps = encoder.walk(QUERY).itertuples()
    assert len(steps) > 1
    texts = written(figure)
    captions = [text for text in texts if "radius" in text]
    names = [" ".join(texts[texts.index(caption) - 1].split()) for caption in captions]
    assert names == ["the text"] + [row.term for row in steps]
    assert captions[0].startswith(f"radius {start.radius:.2f}\n")
    assert f"{start.n_studies:,} studies" in captions[0]
    assert "probability" not in captions[0]
    for caption, row in zip(captions[1:], steps, strict=True):
        assert caption.startswith(f"radius {row.radius:.2f}\n")
        share = f"probability {100 * row.probability:.0f} %"
        assert ("in the text" if row.probability == 1 else share) in caption
        assert f"{row.n_studies:,} studies" in caption
    assert QUERY in figure.get_suptitle()


def test_of_words_that_no_study_has_nothing_is_counted(encoder):
    walk = encoder.walk("fear of spiders", n_steps=3)
    assert walk["n_studies"][0] == 0
    captions = written(plot_walk(encoder, "fear of spiders", n_steps=3))
    assert any(caption.endswith("no study has it all") for caption in captions)
    assert not any("100 %" in caption for caption in captions)


def test_maps_are_those_predicted_of_the_text_and_of_the_terms(encoder, figure):
    texts = [QUERY, *encoder.walk(QUERY)["term"][1:]]
    maps = encoder.predict_img(texts).get_fdata()
    highest = maps.max(axis=(0, 1, 2))
    captions = [text.split("\n")[1] for text in written(figure) if "radius" in text]
    assert captions == [f"max. {value:.2g} foci/ml" for value in highest]
    pictures = [ax.get_images()[0] for ax in figure.axes if ax.get_images()]
    assert len(pictures) == len(texts) * 2
    for picture in pictures:
        values = np.ma.masked_invalid(picture.get_array()).compressed()
        assert values.max() == pytest.approx(100)
        assert values.min() > 25
    # From above: where the highest of the map is.
    for column in range(len(texts)):
        data = maps[..., column]
        expected = (data.max(axis=2) > 0.25 * data.max()).sum()
        shown = np.ma.masked_invalid(pictures[2 * column + 1].get_array()).count()
        assert shown == expected


def test_long_texts_are_shortened_in_the_title(encoder, studies):
    figure = plot_walk(encoder, studies.texts[0], n_steps=2)
    title = figure.get_suptitle()
    assert "…" in title
    assert "\n" not in title
    assert len(title) < 120


def test_nothing_is_cut_off_or_written_over_another(encoder, figure):
    long = plot_walk(encoder, "attention deficit hyperactivity disorder in children")
    for drawn in (figure, long):
        drawn.canvas.draw()
        inside = drawn.bbox
        rows = [ax.texts for ax in drawn.axes if any("radius" in t.get_text() for t in ax.texts)]
        boxes = [text.get_window_extent() for texts in rows for text in texts]
        boxes.append(drawn._suptitle.get_window_extent())
        for number, box in enumerate(boxes):
            assert inside.x0 <= box.x0 < box.x1 <= inside.x1
            assert inside.y0 <= box.y0 < box.y1 <= inside.y1
            assert not any(box.overlaps(other) for other in boxes[:number])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"n_steps": 0}, "n_steps=0"), ({"n_steps": 1.5}, "n_steps=1.5"), ({"text": "qwertz"}, "X: ")],
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


def test_an_encoder_that_knows_no_hierarchy_of_terms_is_refused(without_hierarchy):
    with pytest.raises(InvalidInputError, match="no hierarchy of terms"):
        plot_walk(without_hierarchy, "finger tapping")
    assert plt.get_fignums() == []
