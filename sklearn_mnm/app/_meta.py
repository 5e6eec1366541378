"""Meta-analyses of studies whose texts fit a text, where the server is given studies with peaks."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from sklearn_mnm._tools.dependencies import installed_version
from sklearn_mnm.app._answers import ANSWERS, Answer, Wish, page
from sklearn_mnm.app._questions import Model, TextQuestion
from sklearn_mnm.app._requests import whole_number
from sklearn_mnm.app._shown import Shown
from sklearn_mnm.brain.clusters import clusters_of_values
from sklearn_mnm.datasets.nimare_meta import SHOWN_Z, choose_by_text, run_meta_analysis
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.report._facts import cluster_facts, shortened, study_rows
from sklearn_mnm.text.explanation import words_without_effect

NO_STUDIES = (
    "This server was started without studies, so it runs no meta-analyses. Start it with 'mnm app "
    "--studies ...'; 'mnm meta' runs them without a page."
)
# Studies that are taken if nobody says how many, and the most.
_USUAL_K, _MOST_K = 60, 1000
_MOST_PARTICIPANTS = 100_000
_NAMES = {"ale": "ALE", "mkda": "MKDA"}


class MetaWish(NamedTuple):
    """What is to be analysed, and how.

    Attributes
    ----------
    text : str
    method : {"ale", "mkda"}
    k : int
        Number of studies.
    sample_size : int or None
        Participants of studies that do not tell theirs.
    """

    text: str
    method: Any
    k: int
    sample_size: int | None

    @classmethod
    def from_address(cls, text: str, query: Any) -> "MetaWish":
        """Read the parameters of an address.

        Raises
        ------
        InvalidInputError
            If there is no such method, or a number is none.
        """
        method = query.get("method", "mkda")
        if method not in _NAMES:
            raise InvalidInputError(f"method={method[:20]!r}: choose one of {[*_NAMES]}.")
        k = whole_number("k", query.get("k", "").strip() or str(_USUAL_K), 2, _MOST_K)
        size = query.get("sample_size", "").strip()
        n_people = whole_number("sample_size", size, 1, _MOST_PARTICIPANTS) if size else None
        # MKDA takes no notice of it.
        return cls(text, method, k, n_people if method == "ale" else None)

    @property
    def address(self) -> dict[str, str]:
        """Parameters of the address that says it."""
        named = {"q": self.text, "method": self.method, "k": str(self.k)}
        return named | ({} if self.sample_size is None else {"sample_size": str(self.sample_size)})


class MetaQuestion:
    """A meta-analysis, run when its result is first asked for.

    Parameters
    ----------
    model : Model
        With studies.
    wish : MetaWish
    """

    is_known = True

    def __init__(self, model: Model, wish: MetaWish) -> None:
        self.model, self.wish = model, wish
        self.method = _NAMES[wish.method]
        self.heading = f"{self.method} of studies on {shortened(wish.text)}"

    @cached_property
    def _chosen(self) -> Any:
        if not TextQuestion(self.model, self.wish.text).is_known:
            raise InvalidInputError("None of these words is known, so no studies can be chosen.")
        return choose_by_text(self.model.encoder, self.model.studies, self.wish.text, self.wish.k)

    @cached_property
    def result(self) -> Any:
        """Image and notes."""
        return run_meta_analysis(
            self._chosen.studies, self.wish.method, sample_size=self.wish.sample_size
        )

    @property
    def views(self) -> dict[str, str]:
        """The only map."""
        return {"z": f"z of {self.method}"}

    def shown(self, view: str) -> Shown:
        """Return the map."""
        return Shown(self.result.image, SHOWN_Z, f"z of {self.method}")

    def clusters(self, k: int) -> pd.DataFrame:
        """List the highest clusters, with anatomical names."""
        image = self.result.image
        return clusters_of_values(image.get_fdata(), image.affine, SHOWN_Z, k=k)

    def studies(self, k: int) -> pd.DataFrame:
        """Return all studies that were taken, whatever `k` is."""
        return self._chosen.found.assign(query=self.wish.text)

    @property
    def facts(self) -> dict[str, Any]:
        """What tables show."""
        return {
            **cluster_facts(self.result.image, SHOWN_Z),
            "studies": study_rows(self._chosen.found),
            "n_peaks": len(self._chosen.studies.peaks),
            "unknown": words_without_effect(self.wish.text, self.model.encoder.vectorizer_),
            "notes": self.result.notes,
        }


def _meta_page(question: MetaQuestion, link: Callable[..., str], wish: Wish) -> str:
    return page(
        "meta.html.jinja",
        title=question.heading,
        question=question,
        facts=question.facts,
        wish=question.wish,
        threshold=SHOWN_Z,
        link=link,
        model=question.model,
        nimare=installed_version("nimare"),
    )


_PARTS = ("viewer", "map.nii.gz", "clusters.tsv", "studies.tsv", "studies.ris", "studies.bib")
#: By the last part of the address.
META_ANSWERS = {"": Answer(_meta_page, "text/html"), **{part: ANSWERS[part] for part in _PARTS}}
