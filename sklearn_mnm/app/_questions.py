"""What is asked of a model, by a text or by a map, and what it answers."""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sklearn_mnm.app._nifti import MapRefused, ReadMap
from sklearn_mnm.app._shown import Shown, above
from sklearn_mnm.brain.atlas import load_mask
from sklearn_mnm.brain.clusters import clusters_of_values
from sklearn_mnm.brain.maps import MapsOnMask, covered_voxels
from sklearn_mnm.brain.region_images import PERCENTILE
from sklearn_mnm.brain.resampling import averages_on_mask
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.model.term_evidence import noise_note
from sklearn_mnm.model.text_regression import count_terms
from sklearn_mnm.plotting._brain_panels import described as level_described
from sklearn_mnm.plotting.brain import SHOWN_SHARE, SHOWN_Z
from sklearn_mnm.report._facts import (
    cluster_facts,
    region_centres,
    region_labels,
    shortened,
    study_rows,
    text_facts,
    walk_rows,
)
from sklearn_mnm.text.terms import TermVectorizer

# Terms and studies that a page shows.
N_SHOWN = 10
# Voxel size in mm of maps that are shown and downloaded.
RESOLUTION = 2
# Of a map of the walk, as in plot_walk.
_SHOWN_OF_STEP = 1 / 4
# Terms told of each level and regions of an uploaded map.
_N_LEVEL_TERMS, _N_REGIONS = 5, 5


class Model:
    """A fitted model, in both directions.

    Parameters
    ----------
    encoder : MNMEncoder
        Fitted to peaks or images.
    name : str
        What users call it.
    studies : Studies or None, default=None
        With peaks, for meta-analyses.

    Attributes
    ----------
    encoder : MNMEncoder
    decoder : MNMDecoder
    name : str
    studies : Studies or None
    grid : nibabel.nifti1.Nifti1Image
        Mask of the MNI152 brain, on the grid of the maps that are shown.
    centres : ndarray of shape (n_regions, 3)
        Of regions, in mm.
    row_of_study : dict of str to int

    Raises
    ------
    InvalidInputError
        If the encoder was fitted to arrays: nothing is known of where regions are.
    """

    def __init__(self, encoder: Any, name: str, studies: Any = None) -> None:
        if encoder.regions_ is None:
            raise InvalidInputError(
                f"model: {name} was fitted to maps given as arrays, so nothing is known of where "
                "regions are. Fit it to peaks or images."
            )
        self.encoder, self.decoder, self.name = encoder, encoder.decoder(), name
        self.studies = studies
        self.grid = load_mask(resolution=RESOLUTION)
        self.centres = region_centres(encoder.regions_)
        self.row_of_study = {str(name): row for row, name in enumerate(encoder.neighbours_.ids)}

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels of networks, without the whole brain."""
        return self.encoder.hierarchy_.levels[:-1]


class Question(ABC):
    """A text or a map, and what the model says of it."""

    #: What heads the page.
    heading: str

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    @abstractmethod
    def activations(self) -> np.ndarray:
        """Of regions, as the text speaks of or the map shows, shape (1, n_regions)."""

    @property
    @abstractmethod
    def point(self) -> np.ndarray:
        """Point of the question in the space, shape (d + 1,)."""

    @property
    @abstractmethod
    def views(self) -> dict[str, str]:
        """Maps that can be looked at: label by name, the first at first."""

    @abstractmethod
    def _view(self, name: str) -> Shown:
        """Make the map of a view."""

    @property
    def is_known(self) -> bool:
        """Whether there is a map; without one there are facts and nothing else."""
        return True

    @abstractmethod
    def facts(self, k: int) -> dict[str, Any]:
        """Tell what tables show; see :func:`~sklearn_mnm.report._facts.text_facts`."""

    @property
    @abstractmethod
    def cluster_threshold(self) -> float:
        """Least value of the first map that counts for clusters."""

    @abstractmethod
    def studies(self, k: int) -> pd.DataFrame:
        """Find similar studies."""

    @cached_property
    def walk(self) -> list[dict[str, Any]]:
        """Rows of the walk up to the general; none if the model knows no hierarchy of terms."""
        return self._walked()

    @abstractmethod
    def _walked(self) -> list[dict[str, Any]]:
        """Walk from the question."""

    def clusters(self, k: int) -> pd.DataFrame:
        """List the highest clusters of the first map, with anatomical names."""
        shown = self.shown(next(iter(self.views)))
        values = np.asarray(shown.image.dataobj, dtype=np.float64)
        return clusters_of_values(values, shown.image.affine, shown.threshold, k=k)

    def terms(self, k: int) -> pd.DataFrame:
        """Rank the terms that the map speaks for."""
        k = min(k, len(self.model.encoder.terms_))
        return self.model.decoder.predict_topk(self.activations, k=k)

    def shown(self, view: str) -> Shown:
        """Make the map of a view or of a step of the walk, ``"step-0"`` being the question.

        Raises
        ------
        InvalidInputError
            If there is no such view.
        """
        if view in self.views:
            return self._view(view)
        steps = {f"step-{row['step']}": row["term"] for row in self.walk}
        if view not in steps:
            raise InvalidInputError(f"view={view!r}: choose one of {[*self.views, *steps]}.")
        encoder = self.model.encoder
        is_start = view == "step-0"
        activations = self.activations if is_start else encoder.predict([steps[view]])
        image = encoder.regions_.inverse_transform(activations)
        return above(image, None, _SHOWN_OF_STEP, "activation")

    def level_terms(self) -> list[dict[str, str]]:
        """Terms of the map at each level, from fine to broad."""
        hierarchy, levels = self.model.encoder.hierarchy_, self.model.levels
        if not levels:
            return []
        broader = np.concatenate([hierarchy.smooth(self.activations, level) for level in levels])
        best = self.model.encoder.decoder(n_terms=_N_LEVEL_TERMS).predict(broader)
        return [
            {
                "level": level_described(self.model.encoder, level),
                "terms": ", ".join(map(str, terms)),
            }
            for level, terms in zip(levels, best, strict=True)
        ]

    def own_point(self) -> dict[str, np.ndarray]:
        """Where the question itself is in the disk, if it is not its map."""
        return {}


class TextQuestion(Question):
    """A text.

    Parameters
    ----------
    model : Model
    text : str
        With at least one word.

    Attributes
    ----------
    text : str
    """

    def __init__(self, model: Model, text: str) -> None:
        super().__init__(model)
        self.text, self.heading = text, shortened(text)

    @property
    def is_known(self) -> bool:
        """Whether the model knows anything of the text."""
        vectorizer = self.model.encoder.vectorizer_
        if not isinstance(vectorizer, TermVectorizer):
            return True
        return bool(count_terms(vectorizer.transform([self.text]))[0] > 0)

    @cached_property
    def activations(self) -> np.ndarray:
        """Predicted from the text."""
        return self.model.encoder.predict([self.text])

    @property
    def point(self) -> np.ndarray:
        """Point of the text."""
        return self.model.encoder.transform([self.text])[0]

    @property
    def views(self) -> dict[str, str]:
        """Map of z at each level, and of the activation."""
        encoder = self.model.encoder
        levels = {level: f"z of {level_described(encoder, level)}" for level in self.model.levels}
        return levels | {"activation": "activation"}

    @property
    def cluster_threshold(self) -> float:
        """That of z."""
        return SHOWN_Z

    def _view(self, name: str) -> Shown:
        ask = self.model.encoder.predict_img
        if name == "activation":
            image = ask([self.text], resolution=RESOLUTION)
            return above(image, None, SHOWN_SHARE, "activation")
        image = ask([self.text], kind="z", level=name, resolution=RESOLUTION)
        return Shown(image, SHOWN_Z, "z")

    def facts(self, k: int) -> dict[str, Any]:
        """Tell what tables show."""
        return text_facts(self.model.encoder, self.text, k)

    def _walked(self) -> list[dict[str, Any]]:
        return walk_rows(self.model.encoder, self.text)

    def studies(self, k: int) -> pd.DataFrame:
        """Find the studies whose maps fit best."""
        return self.model.encoder.retrieve([self.text], k=min(k, len(self.model.row_of_study)))

    def own_point(self) -> dict[str, np.ndarray]:
        """Where the text is in the disk."""
        return {"text": self.point[None]}


class MapQuestion(Question):
    """An uploaded map.

    Parameters
    ----------
    model : Model
    found : ReadMap
    name : str
        Of the file, to show.
    threshold : float or None
        Values below it count as 0.

    Raises
    ------
    MapRefused
        If nothing is left of it within the brain.
    """

    def __init__(
        self, model: Model, found: ReadMap, name: str, threshold: float | None = None
    ) -> None:
        from nilearn.image import resample_to_img, threshold_img

        super().__init__(model)
        self.heading, self.notes, self.threshold = name, found.notes, threshold
        regions, image = model.encoder.regions_, found.image
        if threshold is not None:
            image = threshold_img(image, threshold, two_sided=False, copy_header=True)
        # Its doubts are among the notes: it does not go through the gate again.
        values = np.asarray(image.dataobj)
        on_mask = averages_on_mask(values, image.affine, regions.mask_img_)
        maps = MapsOnMask(on_mask, covered_voxels(values, on_mask))
        self._activations = model.encoder._activations_of(maps)
        if not self._activations.any():
            over = "0" if threshold is None else f"the threshold of {threshold:g}"
            raise MapRefused(
                f"Within the MNI152 brain nothing of the map is above {over}. Check that it is "
                "normalised to MNI152 and that its header says where voxels are."
            )
        if hasattr(model.decoder, "term_posterior_"):  # not saved by an earlier version
            scores = model.decoder.decision_function(self._activations)
            note = noise_note(model.decoder._p_of(maps, scores))
            self.notes = (*self.notes, note) if note else self.notes
        # On one grid, so that all maps that are kept have the same size.
        self.image = resample_to_img(
            image, model.grid, interpolation="linear", force_resample=True, copy_header=True
        )

    @property
    def activations(self) -> np.ndarray:
        """Read from the map."""
        return self._activations

    @property
    def point(self) -> np.ndarray:
        """Point of the map."""
        return self.model.decoder.transform(self.activations)[0]

    @property
    def views(self) -> dict[str, str]:
        """The map itself, and at each level as the model sees it."""
        encoder = self.model.encoder
        levels = {level: level_described(encoder, level) for level in self.model.levels}
        return {"map": "as uploaded", **levels}

    @property
    def cluster_threshold(self) -> float:
        """That of the map as uploaded."""
        return self._view("map").threshold

    def _view(self, name: str) -> Shown:
        if name == "map":
            least = self.threshold
            if least is None:  # from what the model takes notice of
                values = np.asarray(self.image.dataobj)[np.asarray(self.model.grid.dataobj) != 0]
                least = max(float(np.percentile(values, PERCENTILE)), 0) or None
            return above(self.image, least, SHOWN_SHARE, "value")
        encoder = self.model.encoder
        values = encoder.hierarchy_.smooth(self.activations, name)
        return above(encoder.regions_.inverse_transform(values), None, SHOWN_SHARE, "value")

    def facts(self, k: int) -> dict[str, Any]:
        """Tell what tables show."""
        volumes = self.model.encoder.regions_.region_volumes_
        values = self.activations[0]
        if self.model.encoder.regions_.strategy == "sum":
            values = values / np.where(volumes > 0, volumes, 1)
        top = np.argsort(-values, kind="stable")[:_N_REGIONS]
        centres = np.rint(self.model.centres).astype(int)
        labels = region_labels(self.model.encoder.regions_)
        shown = self._view("map")
        return {
            "usable": True,
            "notes": self.notes,
            **cluster_facts(shown.image, shown.threshold),
            "regions": [
                {"centre": centres[row].tolist(), **labels[row], "value": float(values[row])}
                for row in top
            ],
            "terms": self.terms(k).to_dict("records"),
            "studies": study_rows(self.studies(k)),
            "walk": self.walk,
        }

    def _walked(self) -> list[dict[str, Any]]:
        return walk_rows(self.model.decoder, self.activations)

    def studies(self, k: int) -> pd.DataFrame:
        """Find the studies whose texts fit best."""
        return self.model.decoder.retrieve(self.activations, k=min(k, len(self.model.row_of_study)))
