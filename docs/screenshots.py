"""Take the pictures of the web page and of reports for the manual.

``mnm app --studies CORPUS``, NeuroQuery's, then ``python docs/screenshots.py``; for reports alone,
which need no server, ``python docs/screenshots.py --only reports``. Needs playwright, and Chromium
at /usr/bin/chromium; none is downloaded.
"""

import argparse
import io
import tempfile
from pathlib import Path
from typing import Any

import matplotlib
import nilearn
from PIL import Image
from playwright.sync_api import sync_playwright

from sklearn_mnm import load_pretrained
from sklearn_mnm.report import model_report, query_report

FOLDER = Path(__file__).parent / "howto" / "screenshots"
MOTOR_MAP = Path(nilearn.__file__).parent / "datasets" / "data" / "image_10426.nii.gz"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--headless", "--disable-gpu", "--no-first-run"]
QUERY = "reward anticipation"
# Pictures end between two lines of text, not within one.
HEIGHTS = {"text": 848, "hierarchy": 475, "map": 1110, "meta": 868}
# Milliseconds from the canvas to what is drawn on it.
PATIENCE = 2000


def save(screenshot: bytes, name: str) -> None:
    """Save what is seen, in all of its colours, down to the last row that is not cut."""
    image = Image.open(io.BytesIO(screenshot)).convert("RGB")
    image = image.crop((0, 0, image.width, min(image.height, HEIGHTS.get(name, image.height))))
    image.save(FOLDER / f"{name}.png", optimize=True)


def save_drawn(page: Any, name: str, frame: str = "map") -> None:
    """Save a page when the brain in a frame of it is drawn."""
    page.frame_locator(f"iframe[name={frame}]").locator("canvas").first.wait_for()
    page.wait_for_timeout(PATIENCE)
    save(page.screenshot(), name)


def picture_app(browser: Any, address: str) -> None:
    """Take the pictures of the web page."""

    def opened(width: int, height: int) -> Any:
        size = {"width": width, "height": height}
        page = browser.new_page(base_url=address, viewport=size)
        page.goto(f"/text?q={QUERY.replace(' ', '+')}")
        return page

    page = opened(1000, 860)
    save_drawn(page, "text")
    page.locator("#hierarchy").scroll_into_view_if_needed()
    page.locator(".steps a").nth(2).click()
    page.locator("h3").first.evaluate("heading => heading.scrollIntoView()")
    page.set_viewport_size({"width": 1000, "height": 600})
    save_drawn(page, "hierarchy", "walk")
    page = opened(1000, 1300)
    page.goto("/")
    page.get_by_label("Statistical maps").set_input_files(MOTOR_MAP)
    page.get_by_label("Threshold").fill("3")
    page.get_by_role("button", name="Decode", exact=True).click()
    page.get_by_role("heading", name="Similar studies").wait_for()
    save_drawn(page, "map")
    page = opened(1000, 900)
    page.goto("/meta?q=working+memory&k=60")
    save_drawn(page, "meta", "meta")
    save_drawn(opened(360, 740), "phone")


def picture_reports(browser: Any) -> None:
    """Make reports with the bundled model, and take the pictures of them."""
    matplotlib.use("Agg")
    encoder = load_pretrained().encoder
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"

        def opened(report: Any) -> Any:
            report.save(path)
            page = browser.new_page(viewport={"width": 800, "height": 1180})
            page.goto(path.as_uri())
            return page

        save(opened(query_report(encoder, [QUERY])).screenshot(), "report_query")
        save(opened(model_report(encoder)).locator("#space").screenshot(), "report_model")


def main() -> None:
    """Take all pictures, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["app", "reports"], help="default: both")
    parser.add_argument("--address", default="http://127.0.0.1:8000", help="of mnm app")
    arguments = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        if arguments.only != "reports":
            picture_app(browser, arguments.address)
        if arguments.only != "app":
            picture_reports(browser)
        browser.close()


if __name__ == "__main__":
    main()
