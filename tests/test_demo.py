"""The demo, run whole with the real model and data, writes the page and maps that it promises."""

import re
import runpy
from pathlib import Path

import nibabel
import numpy as np
import pytest

from sklearn_mnm import model_card

SCRIPT = Path(__file__).parents[1] / "examples" / "demo.py"
QUERIES = "reward anticipation", "working memory load", "fear", "finger tapping", "reading words"
SECTIONS = ["maps", "words", "retrieval", "explanation", "walk", "quality", "data", "versions"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    for package in ("matplotlib", "nimare", "pyarrow"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("demo") / "made_by_the_demo"
    runpy.run_path(str(SCRIPT))["main"](folder)
    return folder


@pytest.fixture(scope="module")
def html(output):
    return (output / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html, read_page):
    return read_page(html)


def test_page_is_well_formed(page):
    assert page.open == []
    assert page.elements[0] == ("html", {"lang": "en"})
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_page_has_all_sections_and_links_to_them(page):
    assert [section["id"] for section in page.all("section")] == SECTIONS
    links = [link["href"] for link in page.all("a")]
    assert [link[1:] for link in links if link.startswith("#")] == SECTIONS


def test_headings_descend_one_level_at_a_time(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(np.diff(levels)) <= 1


def test_page_needs_no_network_and_links_only_to_pubmed_and_its_own_maps(page, html, output):
    for _, attributes in page.elements:
        for name in ("src", "srcset", "poster", "data", "action"):
            assert attributes.get(name, "data:").startswith("data:")
    assert page.all("link") == page.all("script") == page.all("iframe") == []
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    links = [link["href"] for link in page.all("a") if not link["href"].startswith("#")]
    pubmed = [link for link in links if link.startswith("https://pubmed.ncbi.nlm.nih.gov/")]
    assert len(pubmed) == 15  # five studies for each of three maps
    assert all(re.fullmatch(r"https://pubmed.ncbi.nlm.nih.gov/\d+/", link) for link in pubmed)
    others = [link for link in links if link not in pubmed]
    assert others
    assert all((output / link).is_file() for link in others)


def test_pictures_are_embedded_and_described(page):
    pictures = page.all("img")
    assert len(pictures) == len(QUERIES) + 3
    for picture in pictures:
        assert picture["src"].startswith("data:image/png;base64,iVBORw0KGgo")
        # Says where the map is highest, which differs from map to map.
        assert re.search(r"highest value [\d.]+ at MNI \(-?\d+, -?\d+, -?\d+\) mm", picture["alt"])
    assert len({picture["alt"] for picture in pictures}) == len(pictures)


def test_tables_have_captions_and_marked_headers(page):
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(header["scope"] in ("row", "col") for header in page.all("th"))


def test_maps_are_images_of_the_brain_with_something_in_them(output):
    for query in QUERIES:
        stem = query.replace(" ", "_")
        z, activation = (
            nibabel.load(output / f"{stem}_{kind}.nii.gz") for kind in ("z", "activation")
        )
        assert z.shape == activation.shape
        assert np.allclose(z.affine, activation.affine)
        values = activation.get_fdata()
        assert values.min() >= 0
        assert values.max() > 10 * values[values > 0].mean()
        assert z.get_fdata().max() > 2


def test_fear_is_highest_in_the_amygdala_and_tapping_in_motor_areas(output):
    image = nibabel.load(output / "fear_activation.nii.gz")
    peak = np.unravel_index(image.get_fdata().argmax(), image.shape)
    x, y, z = nibabel.affines.apply_affine(image.affine, peak)
    assert np.linalg.norm([abs(x) - 22, y + 4, z + 18]) < 10
    image = nibabel.load(output / "finger_tapping_z.nii.gz")
    hand = np.linalg.inv(image.affine) @ [-38, -24, 56, 1]  # of the left hemisphere
    assert image.get_fdata()[tuple(hand[:3].round().astype(int))] > 1.96


def test_real_maps_are_decoded_into_their_own_words(page):
    # Of each map the terms stand between its name and the caption of its studies.
    after_motor = page.text.split("Left hand", 1)[1]
    motor, after_pain = after_motor.split("Where 21 pain studies agree", 1)
    pain, nback = after_pain.split("n-back studies agree", 1)
    for part, word in ((motor, "hand"), (pain, "pain"), (nback, "working memory")):
        assert re.search(rf"\b{word}\b", part.split("Five similar studies")[0])


def test_explanation_names_unknown_words_and_what_is_near(page):
    part = page.text.split("Unknown words", 1)[1].split("Walk from", 1)[0]
    assert "misophonia" in part
    assert re.search(r"fearfull\s+fearful\b", part)


def test_retrieval_is_above_chance(page):
    part = page.text.split("held-out contrasts, percent", 1)[1].split("Words understood", 1)[0]
    rows = {
        name: [float(value) for value in re.findall(r"[\d.]+", part.split(name, 1)[1])[:4]]
        for name in ("text to map", "map to text", "chance")
    }
    for direction in ("text to map", "map to text"):
        assert rows[direction][1] > 2 * rows["chance"][1]  # R@10
        assert rows[direction][3] > 60  # MM


def test_the_quality_of_the_model_is_told_as_its_card_tells_it(page):
    part = page.text.split("From the model card", 1)[1].split("The whole card", 1)[0]
    rows = [line.strip("| ") for line in model_card().splitlines() if line.startswith("|")][2:]
    for row in rows:
        for cell in row.split("|"):
            assert cell.strip() in part


def test_warnings_of_the_package_are_told(page):
    assert re.search(r"Words of maps:\s+\d+ peaks converted from Talairach", page.text)
    assert re.search(r"Finding each other:\s+\d+ of \d+ peaks lie more than", page.text)
