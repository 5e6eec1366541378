"""The page as users have it, in Chromium without a window."""

import io
import re

import nibabel
import numpy as np
import pytest
from nibabel.affines import apply_affine
from PIL import Image

from sklearn_mnm.app._shown import Shown
from sklearn_mnm.app._viewer import viewer_page
from sklearn_mnm.brain import name_coordinates
from sklearn_mnm.brain.atlas import load_mask
from tests.app.conftest import MAX_UPLOAD_MB, MOTOR_MAP

# Pixels that are grey, as the template is, and coloured, as maps are, below the scale of colours.
COLOURED = """canvas => {
    const top = Math.round(0.15 * canvas.height), height = canvas.height - top;
    const pixels = canvas.getContext("2d").getImageData(0, top, canvas.width, height).data;
    let grey = 0, coloured = 0;
    for (let i = 0; i < pixels.length; i += 4) {
        const [red, green, blue] = pixels.slice(i, i + 3);
        if (red > 60 && red === green && green === blue) grey += 1;
        if (red > blue + 60) coloured += 1;
    }
    return [grey, coloured];
}"""


@pytest.fixture
def open_page(browser, server):
    """Open the first page; anything that fails to load, or an error of a script, is a failure."""
    contexts, faults = [], []

    def start(**options):
        context = browser.new_context(base_url=server.address, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda told: told.type == "error" and faults.append(told.text))
        page.on("requestfailed", lambda request: faults.append(f"{request.failure} {request.url}"))
        # Whatever is asked for elsewhere is noticed, and goes nowhere.
        context.route(
            lambda address: not address.startswith((server.address, "data:")),
            lambda route: (faults.append(route.request.url), route.abort()),
        )
        page.goto("/")
        return page

    yield start
    for context in contexts:
        context.close()
    # Answers of 400 or 415 are told to the console; a page that is left ends what it asked for.
    expected = re.compile("responded with a status of 4|^net::ERR_ABORTED")
    assert [fault for fault in faults if not expected.search(fault)] == []


def frame(page, name):
    """Frame that shows a map, when it has drawn."""
    inside = page.frame_locator(f"iframe[name={name}]")
    page.locator(f"iframe[name={name}]").scroll_into_view_if_needed()
    canvas = inside.locator("canvas").first
    canvas.wait_for()
    inside.locator("#words").wait_for()
    # It draws when all of the page is loaded.
    for _ in range(50):
        if canvas.evaluate(COLOURED)[0] > 1000:
            break
        page.wait_for_timeout(100)
    return inside


def test_a_query_is_typed_and_its_map_drawn(open_page):
    page = open_page()
    page.get_by_label("Words, a title or an abstract").fill("finger tapping")
    page.get_by_role("button", name="Show the map").click()
    page.get_by_role("heading", name="“finger tapping”").wait_for()
    grey, coloured = frame(page, "map").locator("canvas").first.evaluate(COLOURED)
    assert grey > 1000
    assert coloured > 100
    assert page.locator("#terms").get_by_role("link", name="motor", exact=True).count() == 1
    studies = page.locator("#studies a")
    assert studies.count() == 10
    assert re.fullmatch(
        r"https://pubmed\.ncbi\.nlm\.nih\.gov/\d+/", studies.first.get_attribute("href")
    )


def test_levels_regions_and_places_change_the_map(open_page):
    page = open_page()
    page.goto("/text?q=fear+of+spiders")
    said = frame(page, "map").locator("#words").inner_text()
    assert said.startswith("z: highest value")

    page.locator("nav").get_by_role("link", name="z of 7 networks").click()
    page.wait_for_function("document.querySelector('.place [name=view]').value === 'ward7'")
    inside = frame(page, "map")
    inside.locator("#words").filter(has_not_text=said).wait_for()
    marked = page.locator("nav [aria-current=true]")
    assert marked.all_inner_texts() == ["z of 7 networks (ward7)"]

    # Regions and places keep the level, and ask for nothing.
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#map table a").first.click()
    x, y, z = page.locator("#map table a").first.inner_text().split(", ")
    crosses(inside, f"({x}, {y}, {z})")
    assert page.url.endswith(f"/text?q=fear+of+spiders&view=ward7&x={x}&y={y}&z={z}")
    for axis, value in zip("xyz", ("-20", "-4", "-16"), strict=True):
        page.get_by_label(axis, exact=True).fill(value)
    page.get_by_role("button", name="Go").click()
    crosses(inside, "(-20, -4, -16)")
    assert page.url.endswith("view=ward7&x=-20&y=-4&z=-16")
    assert not any("viewer" in address and "step" not in address for address in asked)
    assert frame(page, "map").locator("canvas").first.evaluate(COLOURED)[0] > 1000


def crosses(inside, place):
    """Wait until slices cross at a place, and return what is said of it."""
    said = inside.locator("#here").filter(has_text=f"{place} mm: " if place else " mm: ")
    said.wait_for()
    return said.inner_text()


def test_the_value_and_the_name_of_a_place_are_those_of_the_map(open_page, encoder):
    page = open_page()
    page.goto("/text?q=reward+anticipation&x=14&y=10&z=-4")
    image = encoder.predict_img(["reward anticipation"], kind="z", resolution=2)
    for place in ((14, 10, -4), (-20, -60, 40), (-38, -22, 56), (14, 11, -4)):
        for axis, value in zip("xyz", place, strict=True):
            page.get_by_label(axis, exact=True).fill(str(value))
        page.get_by_role("button", name="Go").click()
        said = crosses(frame(page, "map"), str(place))
        voxel = np.rint(apply_affine(np.linalg.inv(image.affine), place)).astype(int)
        told, name = re.fullmatch(r".* mm: z (\S+)(?: in the voxel of .*\))?, (.*)", said).groups()
        typed = [page.get_by_label(axis, exact=True).input_value() for axis in "xyz"]
        assert typed == [str(value) for value in place]
        assert float(told) == pytest.approx(image.dataobj[tuple(voxel)], abs=0.02)
        named = name_coordinates(place).iloc[0]
        assert name == f"{'near ' if named['distance'] > 0 else ''}{named['name']}"
    for axis in "xyz":
        page.get_by_label(axis, exact=True).fill("90")
    page.get_by_role("button", name="Go").click()
    assert crosses(frame(page, "map"), "(90, 90, 90)").endswith("outside the brain")


def test_a_copied_address_shows_the_same_and_back_leads_back(open_page):
    page = open_page()
    page.goto("/text?q=reward+anticipation")
    first = page.url
    inside = frame(page, "map")
    canvas = inside.locator("canvas").first
    size = canvas.bounding_box()
    before = inside.locator("#here").inner_text()
    canvas.click(position={"x": 0.2 * size["width"], "y": 0.4 * size["height"]})
    page.wait_for_url(re.compile("&x=.*&y=.*&z="))
    clicked, said = page.url, inside.locator("#here").inner_text()
    assert said != before
    # A level keeps the place, a least value the level.
    page.get_by_role("link", name="z of 17 networks").first.click()
    inside.locator("#here").filter(has_not_text=said).filter(has_text="mm:").wait_for()
    page.get_by_label("shown from").fill("2.5")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Go").click()
    inside.locator("#words").filter(has_text="of at least 2.5").wait_for()
    assert not any("viewer" in address for address in asked)
    here = crosses(inside, said.partition(" mm")[0])

    copied = open_page()
    copied.goto(page.url)
    again = frame(copied, "map")
    assert crosses(again, here.partition(" mm")[0]) == here
    assert again.locator("#words").inner_text() == inside.locator("#words").inner_text()
    assert copied.locator("nav [aria-current=true]").inner_text() == "z of 17 networks (ward17)"
    assert copied.get_by_label("shown from").input_value() == "2.5"

    page.go_back()
    inside.locator("#words").filter(has_not_text="of at least 2.5").wait_for()
    page.go_back()
    inside.locator("#here").filter(has_text=said).wait_for()
    assert page.url == clicked
    assert page.locator("nav [aria-current=true]").inner_text() == "z of 512 regions"
    page.go_back()
    page.wait_for_url("**/")
    page.go_forward()
    page.wait_for_url(clicked)
    assert page.url.startswith(first)


def test_who_leaves_and_comes_back_sees_the_map_of_the_address(open_page):
    """Browsers load what they had in the frame, whatever the address of the page says."""
    page = open_page()
    for _ in range(4):
        page.goto("/text?q=fear")
        crosses(frame(page, "map"), "")
        page.wait_for_timeout(500)
        page.get_by_label("shown from").fill("2.2")
        page.get_by_role("button", name="Go").click()
        frame(page, "map").locator("#words").filter(has_text="of at least 2.2").wait_for()
        page.wait_for_timeout(300)
        page.goto("/")
        page.wait_for_timeout(200)
        page.evaluate("history.back()")
        page.wait_for_url(re.compile("threshold=2.2$"), wait_until="commit")
        frame(page, "map").locator("#words").filter(has_text="of at least 2.2").wait_for()
        page.get_by_label("shown from").fill("")
        page.get_by_role("button", name="Go").click()
        frame(page, "map").locator("#words").filter(has_text="of at least 1.96").wait_for()
        page.go_back()
        page.go_forward()
        page.go_back()
        frame(page, "map").locator("#words").filter(has_text="of at least 2.2").wait_for()


def test_of_a_view_that_there_is_not_the_first_is_shown(open_page):
    page = open_page()
    page.goto("/text?q=fear&view=lobe&threshold=2.5&x=10&y=-20&z=30")
    crosses(frame(page, "map"), "(10, -20, 30)")
    page.wait_for_timeout(500)
    assert "of at least 1.96" in frame(page, "map").locator("#words").inner_text()
    page.get_by_label("shown from").fill("2.2")
    page.get_by_role("link", name="z of 7 networks").first.click()
    page.wait_for_function("document.querySelector('.place [name=view]').value === 'ward7'")
    frame(page, "map").locator("#words").filter(has_text="of at least 1.96").wait_for()


def test_a_step_of_the_walk_is_shown(open_page):
    page = open_page()
    page.goto("/text?q=fear+of+spiders")
    first = frame(page, "walk").locator("#words").inner_text()
    last = page.locator(".steps a").last
    term = last.inner_text()
    last.click()
    inside = frame(page, "walk")
    inside.locator("#words").filter(has_not_text=first).wait_for()
    assert inside.locator("canvas").first.evaluate(COLOURED)[1] > 100
    assert page.locator(".steps [aria-current=true]").inner_text() == term != "the text"


def test_of_a_map_of_nothing_the_brain_is_seen(open_page):
    page = open_page()
    page.goto("/text?q=results")  # a word of all studies
    inside = frame(page, "map")
    assert (
        inside.locator("#words").inner_text().startswith("z: nothing reaches 1.96; highest value ")
    )
    above, below = (inside.locator(name).first.bounding_box()["y"] for name in ("#words", "canvas"))
    assert above < below
    grey, coloured = inside.locator("canvas").first.evaluate(COLOURED)
    assert grey > 1000
    assert coloured == 0


def test_a_map_is_uploaded_and_decoded(open_page):
    page = open_page()
    page.get_by_label("Statistical maps").set_input_files(MOTOR_MAP)
    page.get_by_label("Threshold").fill("3")
    page.get_by_role("button", name="Decode", exact=True).click()
    page.get_by_role("heading", name="image_10426.nii.gz").wait_for()
    assert "/map/" in page.url
    assert page.locator("#terms tbody a").first.inner_text() == "hand"
    assert frame(page, "map").locator("canvas").first.evaluate(COLOURED)[1] > 100
    with page.expect_download() as waiting:
        page.locator("#downloads").get_by_role("link", name="terms").click()
    assert waiting.value.suggested_filename == "image-10426_terms.tsv"


def test_words_of_several_maps_and_of_both_sides_are_shown_side_by_side(open_page):
    page = open_page()
    files = [
        {"name": name, "mimeType": "", "buffer": MOTOR_MAP.read_bytes()} for name in ("a.nii", "b")
    ]
    page.get_by_label("Statistical maps").set_input_files(files)
    page.get_by_label("Threshold").fill("2")
    page.get_by_label("decode the negative side, too").check()
    page.get_by_role("button", name="Decode", exact=True).click()
    page.get_by_role("heading", name="Words of maps, side by side").wait_for()
    heads = page.locator("thead a")
    negative = "negative side (sign changed)"
    assert heads.all_inner_texts() == ["a.nii", f"a.nii, {negative}", "b", f"b, {negative}"]
    first = page.locator("tbody tr").first.locator("a").all_inner_texts()
    assert first[0] == first[2] == "hand"
    assert first[1] == first[3] != "hand"
    heads.nth(1).click()
    page.get_by_role("heading", name="a.nii, negative side").wait_for()
    assert page.locator("#terms tbody a").first.inner_text() == first[1]


def test_a_bad_file_gives_a_message_and_another_try(open_page):
    page = open_page()
    form = page.get_by_label("Statistical maps")
    form.set_input_files([{"name": "a.nii.gz", "mimeType": "", "buffer": b"no image"}])
    page.get_by_role("button", name="Decode", exact=True).click()
    assert "This is no NIfTI file" in page.get_by_role("alert").inner_text()
    page.get_by_label("Statistical maps").set_input_files(MOTOR_MAP)
    page.get_by_role("button", name="Decode", exact=True).click()
    page.get_by_role("heading", name="Similar studies").wait_for()


def test_a_file_that_is_too_large_is_not_even_sent(open_page):
    page = open_page()
    large = {"name": "a.nii", "mimeType": "", "buffer": bytes(MAX_UPLOAD_MB * 2**20 + 1)}
    field = page.get_by_label("Statistical maps")
    field.set_input_files([large])
    page.get_by_role("button", name="Decode", exact=True).click()
    assert f"at most {MAX_UPLOAD_MB} MB" in field.evaluate("field => field.validationMessage")
    assert page.url.endswith("/")


def test_more_files_than_are_taken_are_not_even_sent(open_page):
    page = open_page()
    field = page.get_by_label("Statistical maps")
    field.set_input_files([{"name": f"{n}.nii", "mimeType": "", "buffer": b"1"} for n in range(9)])
    page.get_by_role("button", name="Decode", exact=True).click()
    assert "at most 8 are taken" in field.evaluate("field => field.validationMessage")
    assert page.url.endswith("/")


def test_without_scripts_a_file_that_is_too_large_gets_the_page_of_the_server(open_page):
    page = open_page(java_script_enabled=False)
    large = {"name": "a.nii", "mimeType": "", "buffer": bytes(MAX_UPLOAD_MB * 2**20 + 50_000)}
    page.get_by_label("Statistical maps").set_input_files([large])
    page.get_by_role("button", name="Decode", exact=True).click()
    assert f"larger than {MAX_UPLOAD_MB} MB" in page.get_by_role("alert").inner_text()


def test_the_keyboard_is_enough(open_page):
    page = open_page()

    def focused():
        return page.evaluate("document.activeElement.textContent || document.activeElement.name")

    page.keyboard.press("Tab")
    assert focused() == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("working memory")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="“working memory”").wait_for()
    frame(page, "map")
    page.evaluate("scrollTo(0, 0)")
    # Through all that can be reached; each shows that it is.
    seen = []
    while len(seen) < 150 and (not seen or seen[-1][0] != "SUMMARY"):
        page.keyboard.press("Tab")
        *element, style, width = page.evaluate(
            """() => { const {tagName, name, textContent, target} = document.activeElement;
            const {outlineStyle, outlineWidth} = getComputedStyle(document.activeElement);
            return [tagName, name || textContent, target || "", outlineStyle, outlineWidth]; }"""
        )
        seen.append(tuple(element))
        if element[0] not in ("IFRAME", "BODY"):
            assert style in ("solid", "auto"), element
            assert width != "0px", element
    kinds = {kind for kind, _, _ in seen}
    assert {"A", "BUTTON", "TEXTAREA", "INPUT", "SUMMARY"} <= kinds
    assert ("A", "activation", "map") in seen
    assert ("A", "the text", "walk") in seen
    assert len([element for element in seen if element[2] == "walk"]) > 2
    assert ("BUTTON", "Go", "") in seen
    # A view by the keyboard.
    page.get_by_role("link", name="activation").first.focus()
    page.keyboard.press("Enter")
    frame(page, "map").locator("#words").filter(has_text="activation: highest").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_legible_on_pages_in_light_and_dark(open_page, scheme):
    page = open_page(color_scheme=scheme)
    for address in ("/", "/text?q=reward+qwxzzy", "/place?x=14&y=11&z=-4"):
        page.goto(address)
        found = page.evaluate(
            """() => {
            const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
            const luminance = ([red, green, blue]) => {
                const [r, g, b] = [red, green, blue].map(v => v / 255).map(
                    v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const ground = (element) => {
                for (let at = element; at; at = at.parentElement) {
                    const colour = parse(getComputedStyle(at).backgroundColor);
                    if (colour.length === 3 || colour[3] === 1) return colour;
                }
                return [255, 255, 255];
            };
            const low = [];
            let n = 0;
            for (const element of document.querySelectorAll("body *")) {
                const words = [...element.childNodes].some(
                    node => node.nodeType === 3 && node.textContent.trim());
                if (!words && !element.matches("input, textarea")) continue;
                const one = luminance(parse(getComputedStyle(element).color));
                const other = luminance(ground(element));
                const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
                n += 1;
                if (ratio < 4.5) low.push([element.tagName, element.textContent, ratio]);
            }
            return [n, low];
        }"""
        )
        assert found[0] > 20
        assert found[1] == []


@pytest.mark.parametrize(("scheme", "paper", "ink"), [("light", 255, 0), ("dark", 26, 230)])
def test_the_disk_has_the_paper_and_the_ink_of_the_page(open_page, scheme, paper, ink):
    page = open_page(color_scheme=scheme)
    page.goto("/text?q=reward+anticipation")
    disk = page.locator(".disk")
    disk.scroll_into_view_if_needed()
    for _ in range(100):
        if disk.evaluate("image => image.complete && image.naturalWidth > 0"):
            break
        page.wait_for_timeout(100)
    picture = np.asarray(Image.open(io.BytesIO(disk.screenshot())).convert("RGB")).astype(int)
    assert np.median(picture) == pytest.approx(paper, abs=3)
    # Letters are thin: few of their pixels are of ink alone.
    grey = picture[np.ptp(picture, axis=2) < 6].mean(axis=1)
    assert (np.abs(grey - ink) < 30).sum() > 200


def test_a_phone_shows_all_without_scrolling_sideways(open_page):
    page = open_page(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    for address in (
        "/",
        "/text?q=reward+anticipation+qwxzzy",
        "/place?x=14&y=11&z=-4",
        "/nowhere",
    ):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.goto("/text?q=reward+anticipation")
    grey, coloured = frame(page, "map").locator("canvas").first.evaluate(COLOURED)
    assert grey > 1000
    assert coloured > 50
    # Not even in the frame, whose words are all seen.
    overflow = "() => [document.documentElement.scrollHeight - innerHeight, scrollX]"
    assert page.frame(name="map").evaluate(overflow)[0] <= 0


def test_what_a_text_holds_does_not_run(open_page):
    page = open_page()
    attack = "pain <img src=/x onerror=document.title='run'><script>document.title='run'</script>"
    page.get_by_label("Words, a title or an abstract").fill(attack)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="pain <img").wait_for()
    frame(page, "map")
    assert page.title().startswith("pain <img")
    assert page.frame(name="map").evaluate("document.title").startswith("Map of pain <img")
    assert page.locator("main img").count() == 1


def test_the_slices_that_are_drawn_are_those_of_the_place(browser):
    """Only one sagittal slice has values: it is coloured where the slices cross in it."""
    grid = load_mask(resolution=2)
    for number, is_seen in ((60, True), (59, False), (61, False)):
        values = np.zeros(grid.shape, np.float32)
        values[number] = 5 * (np.asarray(grid.dataobj)[number] != 0)
        shown = Shown(nibabel.Nifti1Image(values, grid.affine), 1.0, "z")
        place = apply_affine(grid.affine, (60, 60, 40))
        page = browser.new_page()
        page.set_content(viewer_page(shown, "map", tuple(place)))
        page.wait_for_function("document.getElementById('here').textContent.includes(' mm: ')")
        for _ in range(50):
            if page.locator("canvas").first.evaluate(COLOURED)[0] > 1000:
                break
            page.wait_for_timeout(100)
        # In the other two slices it is a line.
        assert (page.locator("canvas").first.evaluate(COLOURED)[1] > 5000) == is_seen
        page.close()


def test_the_viewer_is_shut_in(open_page):
    page = open_page()
    page.goto("/text?q=pain")
    frame(page, "map")
    inside = page.frame(name="map")
    assert inside.evaluate("window.origin") == "null"
    assert (
        inside.evaluate("() => { try { return !!parent.document } catch { return 'no' } }") == "no"
    )
