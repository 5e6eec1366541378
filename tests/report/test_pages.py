"""Properties that every report has: it stands alone, can be used by all, and runs nothing."""

import base64
import re
import struct
from importlib.resources import files

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sklearn_mnm.report.figures import picture


def test_page_is_well_formed_and_says_its_language_and_title(page, report):
    assert page.open == []
    assert page.elements[0] == ("html", {"lang": "en"})
    assert len(page.all("title")) == 1
    assert report.title in page.text
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_page_has_landmarks_and_links_to_its_sections(page):
    for landmark in ("header", "nav", "main"):
        assert len(page.all(landmark)) == 1
    sections = [section["id"] for section in page.all("section")]
    links = [link["href"] for link in page.all("a")]
    assert [link[1:] for link in links if link.startswith("#")] == sections


def test_headings_descend_one_level_at_a_time(page):
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(np.diff(levels)) <= 1
    assert all(text.strip() for _, text in page.headings)


def test_page_needs_neither_network_nor_scripts(page):
    for tag in ("script", "link", "iframe", "object", "embed", "form", "base"):
        assert page.all(tag) == []
    for _, attributes in page.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        for name in ("src", "srcset", "poster", "data", "action"):
            assert attributes.get(name, "data:").startswith("data:")
        href = attributes.get("href", "#")
        assert re.match(r"#|https://pubmed\.ncbi\.nlm\.nih\.gov/\d+/$|https://arxiv\.org/", href)
    style = page.html[page.html.index("<style>") : page.html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    (policy,) = (meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'")


def test_pictures_are_embedded_whole_described_and_of_the_size_they_say(page):
    pictures = page.all("img")
    assert pictures
    for image in pictures:
        kind, content = image["src"].split(",", 1)
        assert kind == "data:image/png;base64"
        png = base64.b64decode(content, validate=True)
        assert png.startswith(b"\x89PNG")
        assert png.rstrip().endswith(b"IEND\xaeB`\x82")
        size = struct.unpack(">II", png[16:24])
        assert size == (int(image["width"]), int(image["height"]))
        assert len(image["alt"]) > 30
    assert len({image["alt"] for image in pictures}) == len(pictures)


def test_tables_have_captions_and_marked_headers(page):
    assert page.all("table")
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(header["scope"] in ("row", "col") for header in page.all("th"))


def test_what_scrolls_can_be_reached_by_keyboard_and_is_named(page):
    scrolling = [box for box in page.all("div") if box.get("class") == "scroll"]
    assert scrolling
    for box in scrolling:
        assert (box["tabindex"], box["role"]) == ("0", "group")
        assert box["aria-label"]


def test_page_names_version_and_what_to_cite(page):
    import sklearn_mnm

    assert f"sklearn-mnm {sklearn_mnm.__version__}" in page.text.replace("\xa0", " ")
    assert "arXiv:2511.21092" in page.text


def luminance(colour):
    """Relative luminance by WCAG 2."""
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    values = np.array([int(digits[place : place + 2], 16) for place in (0, 2, 4)]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_wcag_says():
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_is_legible_in_light_and_dark(scheme):
    style = (files("sklearn_mnm.report") / "templates" / "report.css").read_text("utf-8")
    schemes = [dict(re.findall(r"--(\w+): (#\w+);", block)) for block in style.split("@media")]
    colours = next(found for found in schemes[scheme:] if found)
    assert (luminance(colours["paper"]) > 0.5) == (scheme == 0)
    for text in ("ink", "soft", "accent"):
        for ground in ("paper", "tint"):
            assert contrast(colours[text], colours[ground]) >= 4.5
    # Colours are named once for each scheme; only the paper of figures is always white.
    assert set(re.findall(r"(?<!-)(?:color|background): (#\w+)", style)) == {"#fff"}


def test_pictures_say_their_size_also_where_settings_crop_them():
    with plt.rc_context({"savefig.bbox": "tight"}):
        figure = plt.figure(figsize=(4, 3))
        figure.text(0.5, 0.5, "little")
        cropped = picture(figure, "A word.")
    png = base64.b64decode(cropped.source.split(",", 1)[1])
    assert struct.unpack(">II", png[16:24]) == (cropped.width, cropped.height)
    assert cropped.width < 300
