"""The anatomical labels that come with the package, and which of them a point has."""

from functools import lru_cache
from importlib.resources import as_file, files
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from scipy.spatial import cKDTree

from sklearn_mnm.brain.image_files import own_image

#: What is said of a place that is too far from all labels.
NO_LABEL = "no label"
#: Distance in mm up to which the nearest label is named: 99 % of the grey matter of the MNI152
#: template is within it.
NEAR = 5.0
# Named only where no other label is near.
_BACKSTAGE = "white matter"
#: Within so many mm, voxels are equally near.
EQUAL = 1e-6
# So many at most are: those around the centre of one.
_N_EQUAL = 24
# Points asked for at once.
_BLOCK = 2**14


class AnatomicalLabels(NamedTuple):
    """The labels that come with the package.

    Attributes
    ----------
    image : nibabel.nifti1.Nifti1Image
        Values of labels in MNI152 space, 0 where there is none.
    table : pandas.DataFrame
        A row for each value: ``index``, ``name``, ``hemisphere``, ``kind``, and FreeSurfer's name.
    """

    image: Any
    table: pd.DataFrame


def load_anatomical_labels() -> AnatomicalLabels:
    """Load the labels of cortex, subcortex, cerebellum, brain stem and white matter.

    The cortex is that of the Desikan-Killiany atlas, the rest that of FreeSurfer. The manual, on
    names of places, tells sources, licences and limits.

    Returns
    -------
    labels : AnatomicalLabels

    Examples
    --------
    >>> from sklearn_mnm.brain import load_anatomical_labels
    >>> labels = load_anatomical_labels()
    >>> labels.image.shape
    (99, 117, 95)
    >>> int((labels.table["kind"] == "cortex").sum())
    68
    """
    folder = files("sklearn_mnm.brain") / "atlases"
    with as_file(folder / "desikan_killiany.tsv") as path:
        table = pd.read_csv(path, sep="\t", keep_default_na=False)
    return AnatomicalLabels(own_image("desikan_killiany.nii.gz"), table)


class LabelLookup(NamedTuple):
    """The labels, ready for questions.

    Attributes
    ----------
    values : ndarray
        Of the image of labels: rows of the table.
    to_voxel : ndarray of shape (4, 4)
        From mm, MNI152, to its voxels.
    table : pandas.DataFrame
        That of the labels, after a row for no label.
    is_front : ndarray of bool of shape (len(table),)
        Whether a label is named before the others that are near.
    tree : scipy.spatial.cKDTree
        Of the centres in mm of the voxels with such labels.
    front : ndarray of int
        Their labels, and 0.
    """

    values: np.ndarray
    to_voxel: np.ndarray
    table: pd.DataFrame
    is_front: np.ndarray
    tree: cKDTree
    front: np.ndarray


@lru_cache(maxsize=1)
def label_lookup() -> LabelLookup:
    """Prepare the labels, once.

    Returns
    -------
    labels : LabelLookup
    """
    image, table = load_anatomical_labels()
    values = np.asarray(image.dataobj)
    nothing = pd.DataFrame({"index": [0], "name": [NO_LABEL], "hemisphere": [""], "kind": [""]})
    table = pd.concat([nothing, table], ignore_index=True)
    is_front = ~table["kind"].isin(["", _BACKSTAGE]).to_numpy()
    voxels = np.argwhere(is_front[values])
    return LabelLookup(
        values,
        np.linalg.inv(image.affine),
        table,
        is_front,
        cKDTree(apply_affine(image.affine, voxels), balanced_tree=False, compact_nodes=False),
        # With a last one for those that a query does not find.
        np.append(values[tuple(voxels.T)], 0).astype(np.intp),
    )


def labels_of_points(points: np.ndarray, max_distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Find the label of each point.

    Parameters
    ----------
    points : ndarray of shape (n_points, 3)
        In mm, MNI152.
    max_distance : float
        See :func:`name_coordinates`.

    Returns
    -------
    rows : ndarray of int of shape (n_points,)
        Values of labels, 0 for none.
    distance : ndarray of shape (n_points,)
        To the label in mm; NaN for none.
    """
    labels = label_lookup()
    voxels = np.rint(apply_affine(labels.to_voxel, points))
    inside = ((voxels >= 0) & (voxels < labels.values.shape)).all(axis=1)
    own = np.zeros(len(points), dtype=np.intp)
    own[inside] = labels.values[tuple(voxels[inside].astype(np.intp).T)]
    rows, distance = own.copy(), np.where(own > 0, 0.0, np.nan)
    far = np.flatnonzero(~labels.is_front[own])
    # The bound is exclusive.
    bound = np.nextafter(max_distance, np.inf)
    for start in range(0, len(far), _BLOCK):
        some = far[start : start + _BLOCK]
        query: Any = labels.tree.query
        near, place = query(points[some], k=_N_EQUAL, distance_upper_bound=bound)
        is_near = np.isfinite(near[:, 0])
        some, near, place = some[is_near], near[is_near], place[is_near]
        rows[some], distance[some] = labels.front[place[:, 0]], near[:, 0]
        tied = near[:, 1] <= near[:, 0] + EQUAL
        near, place = near[tied], place[tied]
        rows[some[tied]] = _most_frequent(labels.front[place], near <= near[:, :1] + EQUAL)
    return rows, distance


def _most_frequent(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Value of each row that occurs most where `counts`, the smallest of those that do."""
    votes = ((values[:, :, None] == values[:, None, :]) & counts[:, None, :]).sum(axis=2)
    votes = np.where(counts, votes, 0)
    is_most = votes == votes.max(axis=1, keepdims=True)
    return np.where(is_most, values, np.iinfo(values.dtype).max).min(axis=1)
