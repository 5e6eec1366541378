"""Where the voxels of an image are: what its header, name and coverage say of its space."""

import re
from itertools import product
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.affines import apply_affine
from nibabel.spatialimages import HeaderDataError

from sklearn_mnm.exceptions import InvalidInputError

# Codes of NIfTI headers (nifti1.h): what space an affine leads to.
_SCANNER, _TALAIRACH, _MNI152 = 1, 3, 4
# Units of NIfTI headers in mm.
_UNITS = {1: ("metres", 1e3), 3: ("micrometres", 1e-3)}
# Sizes of voxels in mm between which a unit that is not mm is taken for a slip of the header.
_PLAUSIBLE = (0.2, 20)
# Cosine of the angle between an axis of the image and one of the space.
_STRAIGHT = 0.999
# Grid to which FreeSurfer brings heads, of 1 mm.
_CONFORMED = (256, 256, 256)
# Share of the brain that a map must cover without a word of it.
_COVERED = 0.7
_BIDS_SPACE = re.compile(r"(?:^|_)space-([A-Za-z0-9]+)_")
_NATIVE = re.compile(r"T1w|T2w|anat|func|bold|boldref|orig|native|individual|scanner", re.I)
# AFNI writes its attributes into an extension of NIfTI headers, as XML.
_AFNI_EXTENSION = 4
_AFNI_ATTRIBUTE = re.compile(r'atr_name="(\w+)"[^>]*>\s*"(.*?)"\s*</AFNI_atr>', re.DOTALL)
# First voxels in mm and steps of the grids on which MNI152 comes, by shape and size of voxels:
# of FSL and SPM with the right side first, of TemplateFlow and nilearn with the left.
_GRIDS: dict[tuple[tuple[int, int, int], float], tuple[tuple[float, float, float], int]] = {
    ((91, 109, 91), 2): ((90, -126, -72), -1),
    ((182, 218, 182), 1): ((90, -126, -72), -1),
    ((79, 95, 79), 2): ((78, -112, -70), -1),
    ((53, 63, 46), 3): ((78, -112, -50), -1),
    ((53, 63, 52), 3): ((78, -112, -70), -1),
    ((157, 189, 156), 1): ((78, -112, -70), -1),
    ((97, 115, 97), 2): ((-96, -132, -78), 1),
    ((193, 229, 193), 1): ((-96, -132, -78), 1),
    ((197, 233, 189), 1): ((-98, -134, -72), 1),
    ((99, 117, 95), 2): ((-98, -134, -72), 1),
    ((67, 79, 64), 3): ((-98, -134, -72), 1),
    ((50, 59, 48), 4): ((-98, -134, -72), 1),
}


_NOTHING_COVERED = "it covers nothing of the brain in MNI152 space"


def lacks_orientation(image: Any) -> bool:
    """Whether the header could tell where voxels are, and does not.

    Parameters
    ----------
    image : nibabel image

    Returns
    -------
    lacks : bool
        True of NIfTI without sform and qform, of Analyze without the .mat of SPM, and of MGH that
        says so of itself. Other formats have an orientation always.
    """
    header = image.header
    if isinstance(header, nibabel.Nifti1Header):
        return not any(code > 0 and affine is not None for code, affine in _forms(image))
    if isinstance(header, nibabel.freesurfer.mghformat.MGHHeader):
        # nibabel fills in its default and sets the flag that says that there was none; the brain
        # of fsaverage has that orientation.
        return image.shape[:3] != _CONFORMED and _is_default(header)
    if isinstance(header, nibabel.analyze.AnalyzeHeader):
        return np.allclose(image.affine, header.get_base_affine())
    return False


def _is_default(header: Any) -> bool:
    default = nibabel.freesurfer.mghformat.MGHHeader()
    names = ("Mdc", "Pxyz_c", "delta")
    return all(np.array_equal(header[name], default[name]) for name in names)


def placed(image: Any) -> tuple[Any, str | None]:
    """Give an image without orientation that of the MNI152 grid of its shape, and say so.

    Parameters
    ----------
    image : nibabel image

    Returns
    -------
    image : nibabel image
        As it came, unless it lacks an orientation and has the shape of such a grid.
    doubt : str or None
        What is guessed.
    """
    if not lacks_orientation(image):
        return image, None
    told = "its header tells no orientation, so the place of its voxels and which side is left are "
    remedy = "set its sform, for example from the image that it was made of (nibabel, fslcpgeom)"
    sizes = np.asarray(image.header.get_zooms()[:3], dtype=float)
    known = _GRIDS.get((tuple(map(int, image.shape[:3])), float(np.round(sizes[0], 3))))  # type: ignore[arg-type]
    if (
        known is None
        or np.ptp(sizes) > 1e-3
        or not isinstance(image.header, nibabel.analyze.AnalyzeHeader)
    ):
        return image, f"{told}a guess, the middle of the image at 0; {remedy}"
    first, side = known
    affine = np.diag([side * sizes[0], sizes[1], sizes[2], 1.0])
    affine[:3, 3] = first
    moved = image.__class__(image.dataobj, affine, image.header, image.extra, image.file_map)
    return moved, f"{told}a guess by its shape, which is that of a grid of MNI152; {remedy}"


def doubts_of_space(image: Any, mask_img: Any, name: str = "") -> list[str]:
    """Say why a map may not lie in MNI152 space, or may be the wrong way round.

    Parameters
    ----------
    image : nibabel image
        As it came, with the header of its file.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask of the brain, in MNI152 space.
    name : str
        Of the file, if the image does not know it.

    Returns
    -------
    doubts : list of str
        Empty if there are none. Besides those of :func:`doubts_of_header`, a map in another place
        is told by how much of the brain it covers.

    Raises
    ------
    InvalidInputError
        If it covers nothing of the brain.
    """
    doubts = doubts_of_header(image, name)
    covered = share_covered(image.shape, image.affine, mask_img)
    if covered == 0:
        raise InvalidInputError(
            f"{name or image.get_filename() or 'image'}: {'; '.join([*doubts, _NOTHING_COVERED])}. "
            "Normalise it to MNI152, or mend its header."
        )
    if covered < _COVERED:
        doubts.append(
            f"it covers {covered:.0%} of the brain, and nothing is known of the rest; normalise it "
            "to MNI152 if it is not"
        )
    elif _is_conformed(image):
        doubts.append(
            "it is on the grid to which FreeSurfer brings the head of one person (256 voxels of 1 "
            "mm each way); move it to MNI152, for example with mri_vol2vol, if it lies there"
        )
    return doubts


def doubts_of_header(image: Any, name: str = "") -> list[str]:
    """Say which other space, unit or side the header or name of an image tell.

    Parameters
    ----------
    image : nibabel image
        As it came, with the header of its file.
    name : str
        Of the file, if the image does not know it.

    Returns
    -------
    doubts : list of str
        Empty if there are none. Spaces are told from the header, of NIfTI or AFNI, or the name of
        the file in BIDS.
    """
    doubts = []
    forms = [(code, affine) for code, affine in _forms(image) if code > 0 and affine is not None]
    code = forms[0][0] if forms else None
    if (space := _told_space(image, name)) is not None:
        doubts.append(space)
    elif code == _TALAIRACH:
        doubts.append(
            "its header says Talairach space (code 3); normalise it to MNI152, or correct the code"
        )
    axes = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    if code != _MNI152 and np.abs(axes).max(axis=0).min() < _STRAIGHT:
        doubts.append(
            "its axes are turned against those of MNI152, as in the space of a scanner"
            f"{' (code 1)' if code == _SCANNER else ''}; normalise it to MNI152"
        )
    sides = {bool(np.linalg.det(affine[:3, :3]) > 0) for _, affine in forms}
    if len(sides) > 1:
        doubts.append(
            "the sform and the qform of its header disagree on which side is left; correct one"
        )
    if _lacks_sides(image):
        doubts.append(
            "it comes without the .mat file of SPM, so which side is left is a guess by SPM's "
            "habit; put that file beside it, or convert it to NIfTI with SPM"
        )
    if (unit := _other_unit(image)) is not None:
        doubts.append(unit)
    return doubts


def _told_space(image: Any, name: str) -> str | None:
    """Say which space other than MNI152 the attributes of AFNI or the name of the file tell."""
    attributes = afni_attributes(image)
    space = str(attributes.get("TEMPLATE_SPACE", "")).strip("~\0 ")
    name = Path(image.get_filename() or name).name
    if not space and "SCENE_DATA" in attributes:
        view = np.ravel(attributes["SCENE_DATA"])[0]
        space = {0: "ORIG", 1: "ACPC"}.get(int(view), "")
    if space and not space.upper().startswith("MNI"):
        if space.upper().startswith(("TLRC", "TT_", "TALAIRACH")):
            return f"AFNI says that its space is {space}, Talairach; normalise it to MNI152"
        return f"AFNI says that its space is {space}, not MNI152; normalise it to MNI152"
    told = _BIDS_SPACE.search(name)
    if told is None or told[1].upper().startswith("MNI152"):
        return None
    kind = ", that of one person" if _NATIVE.fullmatch(told[1]) else ""
    return f"its name says that its space is {told[1]}{kind}, not MNI152; normalise it to MNI152"


def afni_attributes(image: Any) -> dict[str, Any]:
    """Return the attributes that AFNI wrote, in a header of its own or a NIfTI extension.

    Parameters
    ----------
    image : nibabel image

    Returns
    -------
    attributes : dict
        Numbers and strings by name; empty if it wrote none. Of an extension only strings.
    """
    if hasattr(image.header, "info"):
        return dict(image.header.info)
    found: dict[str, Any] = {}
    for extension in getattr(image.header, "extensions", ()):
        if extension.get_code() == _AFNI_EXTENSION:
            content = extension.get_content()
            text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
            found |= dict(_AFNI_ATTRIBUTE.findall(text))
    return found


def _lacks_sides(image: Any) -> bool:
    """Whether an Analyze header of SPM tells the origin, and nothing the direction of x."""
    if not isinstance(image.header, nibabel.spm99analyze.Spm99AnalyzeHeader):
        return False
    mat = image.file_map["mat"].filename if "mat" in image.file_map else None
    has_mat = mat is not None and Path(mat).is_file()
    guess = image.header.get_best_affine()
    is_guess = not has_mat and np.allclose(image.affine, guess)
    return is_guess and not np.allclose(guess, image.header.get_base_affine())


def _other_unit(image: Any) -> str | None:
    """Say that an affine is in another unit than mm, told by the size of voxels."""
    if not isinstance(image.header, nibabel.Nifti1Header):
        return None
    name, scale = _UNITS.get(int(image.header["xyzt_units"]) & 7, ("", 1.0))
    sizes = np.linalg.norm(image.affine[:3, :3], axis=0)
    if scale == 1 or (_PLAUSIBLE[0] < sizes.min() and sizes.max() < _PLAUSIBLE[1]):
        return None
    return (
        f"its header is in {name}, so a voxel would be {sizes.max():g} mm long; write affine and "
        f"unit in mm, {scale:g} times these numbers"
    )


def _is_conformed(image: Any) -> bool:
    sizes = np.linalg.norm(image.affine[:3, :3], axis=0)
    return image.shape[:3] == _CONFORMED and bool(np.allclose(sizes, 1, atol=1e-3))


def _forms(image: Any) -> list[tuple[int, np.ndarray | None]]:
    """Codes and affines of sform and qform, the one in use first."""
    if not hasattr(image.header, "get_sform"):
        return []
    forms = []
    for name in ("sform", "qform"):
        try:
            affine, code = getattr(image.header, f"get_{name}")(coded=True)
        except (HeaderDataError, ValueError, np.linalg.LinAlgError):
            continue
        forms.append((int(code), affine))
    return forms


def share_covered(shape: tuple[int, ...], affine: np.ndarray, mask_img: Any) -> float:
    """Return the share of the voxels of a mask that lie within a grid.

    Parameters
    ----------
    shape : tuple of int
        Of the grid; what follows the third is ignored.
    affine : ndarray of shape (4, 4)
        From its voxels to mm.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.
    """
    mask = np.asarray(mask_img.dataobj) != 0
    to_voxel = np.linalg.inv(affine) @ mask_img.affine
    # If the box around the mask lies within the grid, so does all of it: that is soon seen.
    along = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    corners = np.array(list(product(*(places[[0, -1]] for places in along))))
    if _are_within(apply_affine(to_voxel, corners), shape).all():
        return 1.0
    return float(_are_within(apply_affine(to_voxel, np.argwhere(mask)), shape).mean())


def _are_within(voxels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    inside = (voxels >= -0.5) & (voxels <= np.subtract(shape[:3], 0.5))
    return np.asarray(inside.all(axis=1))
