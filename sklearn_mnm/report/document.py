"""HTMLReport: a page that shows itself, and the templates that pages are filled into."""

import html
from functools import lru_cache
from pathlib import Path
from typing import Any

from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm._tools.files import replacing
from sklearn_mnm._tools.storage import storing
from sklearn_mnm.report._browser import show_once

# Height in pixels of the frame in a notebook; the page scrolls within.
_HEIGHT = 700


class HTMLReport:
    """An HTML page in one file.

    Parameters
    ----------
    html : str
        The whole page; it needs nothing beside it.
    title : str
        Names the frame in which notebooks show the page.

    Attributes
    ----------
    html, title : str
    """

    def __init__(self, html: str, title: str) -> None:
        self.html = html
        self.title = title

    def __str__(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"<HTMLReport {self.title!r}: {len(self.html) / 1e6:.1f} MB>"

    def _repr_html_(self) -> str:
        # A frame of its own keeps the styles of page and notebook apart. Nothing in it may run;
        # links may open other pages.
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" title="{html.escape(self.title)}" '
            'sandbox="allow-popups allow-popups-to-escape-sandbox" '
            f'style="width: 100%; height: {_HEIGHT}px; border: 0"></iframe>'
        )

    def save(self, path: str | Path) -> None:
        """Write the page into a file.

        Parameters
        ----------
        path : str or Path
            The file appears, or replaces an older one, when it is complete.

        Raises
        ------
        StorageError
            If it cannot be written, e.g. as there is no such folder.
        """
        # What is no character, such as half of a surrogate pair, is shown as such.
        content = self.html.encode("utf-8", "xmlcharrefreplace")
        with storing(path), replacing(Path(path)) as temporary:
            temporary.write_bytes(content)

    def open_in_browser(self) -> None:
        """Show the page in the web browser; it is served once, and leaves no file behind."""
        show_once(self.html.encode("utf-8", "xmlcharrefreplace"))


def fill_template(name: str, folder: Path | None = None, **content: Any) -> str:
    """Fill a template of a page; text in `content` is escaped.

    Parameters
    ----------
    name : str
        Name of the template.
    folder : Path or None, default=None
        Where it is, if it is none of the package. It may extend and import those of the package.
    **content
        What the template speaks of.

    Returns
    -------
    page : str

    Raises
    ------
    MissingDependencyError
        If jinja2 is not installed.
    """
    return _templates(folder).get_template(name).render(content)


# Compiling them takes a hundred times as long as filling them.
@lru_cache(maxsize=4)
def _templates(folder: Path | None) -> Any:
    """Templates of the package, and before them those of a folder."""
    jinja2 = import_optional("jinja2", extra="report", purpose="A report")
    loaders = [jinja2.PackageLoader("sklearn_mnm.report", "templates")]
    if folder is not None:
        loaders.insert(0, jinja2.FileSystemLoader(folder))
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
