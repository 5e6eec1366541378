"""What the values of an image are, where a statistical map is expected: refused, or told."""

import re
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from sklearn_mnm.brain.image_files import intent_code
from sklearn_mnm.brain.image_space import afni_attributes
from sklearn_mnm.exceptions import DataFormatError

# Codes of NIfTI (nifti1.h).
_P_VALUE, _LN_P, _LOG10_P, _LABEL, _NAMES = 22, 23, 24, 1002, 1003
# F, chi-squared and their likes: large in both directions.
_UNSIGNED = {4: "F", 6: "chi-squared"}
# Of AFNI's attribute BRICK_STATAUX.
_AFNI_UNSIGNED = {4: "F", 6: "chi-squared"}
_SECONDS = (8, 16, 24)  # units of time in NIfTI headers
_SERIES = 30
# A sample of the values, enough to tell kinds apart, and voxels in the brain that it takes.
_SAMPLE = 30_000
_FEWEST = 10
_FEW_LEVELS, _MANY_LEVELS, _MOST_LEVELS = 20, 100, 256
# p values reach nearly to 1, with 8 bits a little beyond, and half of them are above this.
_HIGH_P, _HIGHEST_P, _MEDIAN_P = 0.9, 1.005, 0.2
# Share of the brain that anatomical images and masks fill, and of their median that their values
# keep away from 0.
_WHOLE_BRAIN, _SPREAD = 0.8, 0.3
_BIDS_KINDS = {
    "T1w": "an anatomical image",
    "T2w": "an anatomical image",
    "FLAIR": "an anatomical image",
    "bold": "a functional series",
    "boldref": "a functional image",
    "dwi": "a diffusion series",
    "mask": "a mask",
    "dseg": "an atlas of labels",
    "probseg": "a map of tissue probabilities",
    "xfm": "a deformation field",
}
# As a word of the name: not log10p, nor corrp, which is 1 - p.
_P_NAME = re.compile(r"(?:^|[_\-. ])(?:p|pvals?|p-?values?|pmap)(?=[_\-. ])", re.I)
_BIDS_END = re.compile(r"_([A-Za-z0-9]+)\.(?:nii|mgz|img|hdr)(?:\.gz)?$")


def check_map(image: Any, source: str) -> None:
    """Refuse an image of which its header says that it is no map of a statistic.

    Parameters
    ----------
    image : nibabel image
    source : str
        Name of the file or argument, for messages.

    Raises
    ------
    DataFormatError
        If it holds p values or labels.
    """
    code = intent_code(image)
    if code == _P_VALUE:
        raise DataFormatError(
            f"{source}: holds p values, as its header says (intent code {code}), of which the "
            "small ones are the strong ones, while large values of a map count as strong. Give "
            "the map of z or t, or make z of p: sklearn_mnm.brain.z_from_p(image), and "
            "--p-values on the command line."
        )
    if code in (_LABEL, _NAMES):
        raise DataFormatError(
            f"{source}: holds labels, as its header says (intent code {code}); a greater label is "
            "no stronger activation. Give it as PeaksToRegions(atlas=...), or decode one region: "
            "nilearn.image.math_img('img == 1', img=image)."
        )


def doubts_of_kind(
    image: Any, values: np.ndarray, on_mask: np.ndarray, name: str = ""
) -> list[str]:
    """Say why an image may be no map of a statistic whose large values are the strong ones.

    Parameters
    ----------
    image : nibabel image
        As it came, with the header of its file.
    values : ndarray of 3 or 4 dimensions
        Of the image.
    on_mask : ndarray of shape (n_maps, n_voxels)
        Averages of the maps over the voxels of the brain.
    name : str
        Of the file, if the image does not know it.

    Returns
    -------
    doubts : list of str
        Empty if there are none. What files of maps hold that are legal and mean something else:
        p values, labels, anatomical images and masks, series in time, maps rounded to few values.
    """
    doubts = []
    name = Path(image.get_filename() or name).name
    told = _BIDS_END.search(name)
    if told is not None and told[1] in _BIDS_KINDS:
        doubts.append(f"its name says that it is {_BIDS_KINDS[told[1]]}; give a statistical map")
    code = intent_code(image)
    if code in (_LN_P, _LOG10_P) and values.max() <= 0 and values.any():
        doubts.append(
            f"its header says that it holds logarithms of p (intent code {code}), of which the "
            "lowest are the strong ones; multiply it by -1"
        )
    if code in _UNSIGNED:
        doubts.append(
            f"its header says that it holds {_UNSIGNED[code]}, large for activation and "
            "deactivation alike; give t or z to tell them apart"
        )
    if (series := _series(image)) is not None:
        doubts.append(series)
    if (bricks := _sub_bricks(image)) is not None:
        doubts.append(bricks)
    if not doubts or doubts == [bricks]:
        first = values if values.ndim == 3 else values[..., 0]
        levels = _levels(first)
        named_p = _P_NAME.search(name) is not None
        doubts += _doubts_of_values(first, on_mask[0], levels, named_p)
        if _is_stored_in_bytes(image, values) or _are_rounded(levels):
            doubts.append(
                "its values are those that 8 bits leave, 256 at most and evenly spaced; small "
                "values have become 0. Save it as float32 if this matters"
            )
    return doubts


def _series(image: Any) -> str | None:
    """Say that many volumes follow each other in time."""
    if len(image.shape) != 4 or image.shape[3] < _SERIES or "xyzt_units" not in _keys(image.header):
        return None
    if int(image.header["xyzt_units"]) & 0x38 not in _SECONDS:
        return None
    return (
        f"it holds {image.shape[3]} volumes, by its header a series in time; fit a model to it, "
        "for example with nilearn.glm, and give the map of a contrast"
    )


def labels_of_maps(image: Any) -> list[str] | None:
    """Return the labels that AFNI gave to the sub-bricks of a dataset.

    Parameters
    ----------
    image : nibabel image

    Returns
    -------
    labels : list of str or None
        One a map; None if there is one map, or not as many labels as maps.
    """
    n_maps = image.shape[3] if len(image.shape) == 4 else 1
    told = str(afni_attributes(image).get("BRICK_LABS", ""))
    labels = [part for part in re.split(r"[~\0]", told) if part]
    return labels if len(labels) == n_maps > 1 else None


def _sub_bricks(image: Any) -> str | None:
    """Name the sub-bricks of an AFNI dataset, which are decoded one by one."""
    labels = labels_of_maps(image)
    if labels is None:
        return None
    kinds = _statistics(afni_attributes(image), len(labels))
    named = [
        f"{number} {label!r}" + (f" ({kinds[number]}, without a sign)" if number in kinds else "")
        for number, label in enumerate(labels)
    ]
    return f"each of its sub-bricks is a map: {', '.join(named)}"


def _statistics(attributes: dict[str, Any], n_maps: int) -> dict[int, str]:
    """Sub-bricks of statistics without a sign, by AFNI's list (number, code, n, parameters)."""
    numbers = attributes.get("BRICK_STATAUX", ())
    flat = [] if isinstance(numbers, str) else list(np.ravel(numbers))
    kinds, place = {}, 0
    while place + 2 < len(flat):
        brick, code, n_more = (int(number) for number in flat[place : place + 3])
        if code in _AFNI_UNSIGNED and brick < n_maps:
            kinds[brick] = _AFNI_UNSIGNED[code]
        place += 3 + max(n_more, 0)
    return kinds


def _doubts_of_values(
    values: np.ndarray, on_mask: np.ndarray, levels: np.ndarray, named_p: bool
) -> list[str]:
    """Say what values look like, where they are not those of a statistic."""
    inside = on_mask[on_mask != 0]
    if len(inside) < _FEWEST or len(levels) == 0:
        return []
    doubts = []
    lowest, highest = float(values.min()), float(values.max())
    is_whole = bool((levels == np.rint(levels)).all())
    share = len(inside) / len(on_mask)
    in_unit = lowest >= 0 and highest <= _HIGHEST_P
    if len(levels) > 2 and in_unit and (named_p or _are_p_values(inside, highest)):
        doubts.append(
            f"{'its name speaks of p, and ' if named_p else ''}its values lie between 0 and 1 as p "
            "values do, or those of templates and tissues; of p values the small ones are the "
            "strong ones, and large values of a map count as strong: make z of them with "
            "sklearn_mnm.brain.z_from_p. Nothing is wrong if they are 1 - p, as randomise of FSL "
            "writes, or another measure"
        )
    elif lowest >= 0 and share > _WHOLE_BRAIN and _are_alike(inside, len(levels)):
        kind = "a mask of the brain" if len(levels) == 1 else "an anatomical or mean image"
        doubts.append(
            f"it has nearly the same value in {share:.0%} of the brain, as {kind} has; give a "
            "statistical map"
        )
    elif is_whole and lowest >= 0 and len(levels) > 2 and _are_labels(values):
        doubts.append(
            f"its values are whole numbers up to {highest:g} that jump from region to region, as "
            "labels of an atlas do; a greater label is no stronger activation. Give it as "
            "PeaksToRegions(atlas=...), or decode one region, "
            "nilearn.image.math_img('img == 1', img=image)"
        )
    return doubts


def _are_alike(inside: np.ndarray, n_levels: int) -> bool:
    """Whether positive values, one or very many, vary little about their median."""
    low, middle, high = np.percentile(inside, [10, 50, 90])
    is_image = n_levels == 1 or n_levels > _MANY_LEVELS
    return is_image and bool(low > _SPREAD * middle and high - low < 2 * middle)


def _are_p_values(inside: np.ndarray, highest: float) -> bool:
    """Whether values reach to 1, but for rounding, and half of them far from 0."""
    return highest > _HIGH_P and bool(np.median(inside) > _MEDIAN_P)


def _are_labels(values: np.ndarray) -> bool:
    """Whether neighbours mostly have the same value, and where they do not, differ by jumps."""
    here, there = values[:-1], values[1:]
    both = (here != 0) & (there != 0)
    steps = np.abs(here[both].astype(np.float64) - there[both])
    differ = steps[steps > 0]
    is_flat = len(steps) > 0 and len(differ) < 0.5 * len(steps)
    return bool(is_flat and (len(differ) == 0 or (differ > 1).mean() > 0.3))


def _levels(values: np.ndarray) -> np.ndarray:
    """Return the different values of a sample, ascending, without 0."""
    sample = values.ravel(order="K")[:: max(1, values.size // _SAMPLE)]
    return np.unique(sample[sample != 0])


def _is_stored_in_bytes(image: Any, values: np.ndarray) -> bool:
    """Whether a file holds whole numbers of 8 bits for values that are not whole."""
    is_file = nibabel.is_proxy(image.dataobj) and image.get_data_dtype().itemsize == 1
    return is_file and bool((values != np.rint(values)).any())


def _are_rounded(levels: np.ndarray) -> bool:
    """Whether some dozens of values, not whole, are all multiples of one step from the lowest."""
    if not _FEW_LEVELS < len(levels) < _MOST_LEVELS or (levels == np.rint(levels)).all():
        return False
    origin = min(float(levels[0]), 0.0)
    steps = np.diff(levels, prepend=origin) if levels[0] > 0 else np.diff(levels)
    places = (levels - origin) / steps.min()
    return places[-1] < _MOST_LEVELS and bool(np.abs(places - np.rint(places)).max() < 0.02)


def _keys(header: Any) -> tuple[str, ...]:
    return tuple(header.keys()) if hasattr(header, "keys") else ()
