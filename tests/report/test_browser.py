"""Reports as readers have them, in Chromium without a window: narrow, in the dark, on paper."""

import pytest

# What lies beyond the right edge, but for what can be scrolled to.
BEYOND = """() => [...document.querySelectorAll("body *")]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
    .filter(e => !e.parentElement.closest(".scroll"))
    .map(e => `${e.tagName} ${e.textContent.trim().slice(0, 40)}`)"""


@pytest.fixture
def opened(browser, report, tmp_path):
    """Open the report; that something is loaded or refused is a failure."""
    path, pages, faults = tmp_path / "report.html", [], []
    report.save(path)

    def start(**options):
        page = browser.new_page(**options)
        pages.append(page)
        page.on("console", lambda told: faults.append(told.text))
        page.on("request", lambda request: faults.append(request.url))
        page.goto(path.as_uri())
        return page

    yield start
    for page in pages:
        page.close()
    # Nothing but the page itself, and the pictures within it.
    within = path.as_uri(), "data:image/png;base64,"
    assert [told[:80] for told in faults if not told.startswith(within)] == []


@pytest.mark.parametrize("width", [320, 360, 1000])
def test_nothing_is_beyond_the_edge_and_figures_stay_legible(opened, width):
    page = opened(viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(BEYOND) == []
    # Smaller, their words could not be read: they scroll instead.
    widths = page.locator("img").evaluate_all("images => images.map(image => image.width)")
    assert widths
    assert min(widths) >= 450
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")


def test_the_dark_is_dark_and_figures_keep_their_paper(opened):
    page = opened(color_scheme="dark")
    colour = "element => getComputedStyle(element)"
    assert page.locator("body").evaluate(f"{colour}.backgroundColor") == "rgb(22, 25, 29)"
    assert page.locator("body").evaluate(f"{colour}.color") == "rgb(230, 232, 235)"
    assert page.locator("img").first.evaluate(f"{colour}.backgroundColor") == "rgb(255, 255, 255)"


def test_paper_is_white_and_wide_enough(opened):
    page = opened(viewport={"width": 700, "height": 1000}, color_scheme="dark")
    page.emulate_media(media="print")
    body = page.locator("body")
    assert body.evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(255, 255, 255)"
    right = page.locator("img, table:visible").evaluate_all(
        "elements => elements.map(element => element.getBoundingClientRect().right)"
    )
    assert max(right) <= 700
    # Nobody can click on paper.
    assert not page.locator("nav").is_visible()
    assert page.locator("details:visible").count() == 0


def test_what_scrolls_is_reached_by_keyboard(opened):
    page = opened(viewport={"width": 360, "height": 800})
    # What is behind a triangle is not there until it is opened.
    names = page.locator(".scroll:visible").evaluate_all("boxes => boxes.map(box => box.ariaLabel)")
    reached = []
    for _ in range(page.locator("a, summary, .scroll").count()):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.ariaLabel"))
    assert [name for name in reached if name] == names
