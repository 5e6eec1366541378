"""Take the pictures of the web page: ``mnm app``, then ``python docs/screenshots.py``.

Needs playwright, and Chromium at /usr/bin/chromium; none is downloaded.
"""

import argparse
import io
from pathlib import Path
from typing import Any

import nilearn
from PIL import Image
from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent / "howto" / "screenshots"
MOTOR_MAP = Path(nilearn.__file__).parent / "datasets" / "data" / "image_10426.nii.gz"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--headless", "--disable-gpu", "--no-first-run"]
QUERY = "/text?q=reward+anticipation"
# Milliseconds from the canvas to what is drawn on it.
PATIENCE = 2000


def save(page: Any, name: str, frame: str = "map") -> None:
    """Save what is seen, with as few colours as do."""
    page.frame_locator(f"iframe[name={frame}]").locator("canvas").wait_for()
    page.wait_for_timeout(PATIENCE)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    arguments = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)

        def opened(width: int, height: int) -> Any:
            size = {"width": width, "height": height}
            page = browser.new_page(base_url=arguments.address, viewport=size)
            page.goto(QUERY)
            return page

        page = opened(1000, 860)
        save(page, "text")
        page.locator("#hierarchy").scroll_into_view_if_needed()
        page.get_by_role("link", name="step 2").click()
        page.locator("h3").first.evaluate("heading => heading.scrollIntoView()")
        page.set_viewport_size({"width": 1000, "height": 600})
        save(page, "hierarchy", "walk")
        page = opened(1000, 1300)
        page.goto("/")
        page.get_by_label("A statistical map").set_input_files(MOTOR_MAP)
        page.get_by_label("Threshold").fill("3")
        page.get_by_role("button", name="Decode the map").click()
        page.get_by_role("heading", name="Similar studies").wait_for()
        save(page, "map")
        save(opened(360, 740), "phone")
        browser.close()


if __name__ == "__main__":
    main()
