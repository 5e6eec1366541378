"""What headers, names and coverage tell of the space of an image."""

import warnings

import nibabel
import numpy as np
import pytest

from sklearn_mnm.brain.atlas import load_atlas, load_mask
from sklearn_mnm.brain.maps import maps_on_mask
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from tests.brain.other_software import write_afni

VALUES = np.random.default_rng(0).normal(size=(25, 30, 24)).astype(np.float32)
AFFINE = np.array([[8.0, 0, 0, -96], [0, 8, 0, -128], [0, 0, 8, -72], [0, 0, 0, 1]])


def without_orientation(values, size):
    image = nibabel.Nifti1Image(values, None)
    image.header.set_zooms((size,) * 3)
    # As it comes from a file: nibabel makes up an affine.
    return nibabel.Nifti1Image.from_bytes(image.to_bytes())


def doubt(image, mask):
    with pytest.warns(DataWarning) as caught:
        maps_on_mask(image, mask)
    (told,) = [str(w.message) for w in caught if w.category is DataWarning]
    return told


def afni_extension(image, space):
    text = (
        '<?xml version="1.0" ?>\n<AFNI_attributes ni_form="ni_group">\n<AFNI_atr\n'
        '  ni_type="String" ni_dimen="1" atr_name="TEMPLATE_SPACE" >\n'
        f' "{space}"\n</AFNI_atr>\n</AFNI_attributes>'
    )
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(4, text.encode()))
    return image


@pytest.mark.parametrize(
    ("shape", "size", "affine"),
    [
        ((91, 109, 91), 2, [[-2, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72]]),  # FSL
        ((53, 63, 46), 3, [[-3, 0, 0, 78], [0, 3, 0, -112], [0, 0, 3, -50]]),  # SPM
        ((50, 59, 48), 4, [[4, 0, 0, -98], [0, 4, 0, -134], [0, 0, 4, -72]]),  # nilearn
    ],
)
def test_without_orientation_a_known_grid_gives_the_place_and_a_warning(
    shape, size, affine, brain_mask
):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    placed = nibabel.Nifti1Image(values, np.array([*affine, [0, 0, 0, 1]], float))
    lost = without_orientation(values, size)
    with pytest.warns(DataWarning, match="place .* which side is left are a guess by its shape"):
        found = maps_on_mask(lost, brain_mask).voxels
    np.testing.assert_allclose(found, maps_on_mask(placed, brain_mask).voxels, atol=1e-5)


def test_without_orientation_on_any_other_grid_all_is_a_guess(brain_mask):
    told = doubt(without_orientation(VALUES, 8.0), brain_mask)
    assert "the place of its voxels and which side is left are a guess, the middle" in told
    assert "set its sform" in told


def test_formats_that_always_tell_their_orientation_are_not_doubted(tmp_path, brain_mask):
    images = [
        nibabel.MGHImage(VALUES, AFFINE),
        nibabel.load(write_afni(tmp_path, "a+tlrc", VALUES, AFFINE, space="MNI")),
    ]
    nibabel.save(nibabel.Spm2AnalyzeImage(VALUES, AFFINE), tmp_path / "spm.img")  # with .mat
    images.append(nibabel.load(tmp_path / "spm.img"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for image in images:
            maps_on_mask(image, brain_mask)


def test_analyze_without_the_file_of_spm_and_mgh_without_directions_are_doubted(
    tmp_path, brain_mask
):
    for origin, told in ([0, 0, 0], "no orientation"), ([13, 17, 10], "which side is left is a g"):
        spm = nibabel.Spm2AnalyzeImage(VALUES, AFFINE)
        spm.header["origin"][:3] = origin
        nibabel.save(spm, tmp_path / "spm.img")
        (tmp_path / "spm.mat").unlink()
        assert told in doubt(tmp_path / "spm.img", brain_mask)
    nibabel.save(nibabel.AnalyzeImage(VALUES, AFFINE), tmp_path / "plain.img")
    assert "no orientation" in doubt(tmp_path / "plain.img", brain_mask)
    content = bytearray(nibabel.MGHImage(VALUES, AFFINE).to_bytes())
    content[28:30] = bytes(2)  # goodRASFlag
    (tmp_path / "lost.mgh").write_bytes(content)
    assert "no orientation" in doubt(tmp_path / "lost.mgh", brain_mask)


@pytest.mark.parametrize(
    ("space", "view", "told"),
    [
        ("TLRC", 2, "TLRC, Talairach"),
        ("TT_N27", 2, "TT_N27, Talairach"),
        ("ORIG", 0, "ORIG, not MNI152"),
        (None, 0, "ORIG, not MNI152"),
    ],
)
def test_afni_tells_its_space(space, view, told, tmp_path, brain_mask):
    path = write_afni(tmp_path, "stats", VALUES, AFFINE, space=space, view=view)
    assert f"AFNI says that its space is {told}" in doubt(path, brain_mask)


def test_nifti_that_afni_wrote_tells_its_space_in_the_extension(brain_mask):
    image = afni_extension(nibabel.Nifti1Image(VALUES, AFFINE), "TLRC")
    assert "AFNI says that its space is TLRC, Talairach" in doubt(image, brain_mask)
    maps_on_mask(afni_extension(nibabel.Nifti1Image(VALUES, AFFINE), "MNI_2009c_asym"), brain_mask)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sub-01_task-nback_space-T1w_stat-z_statmap.nii.gz", "T1w, that of one person"),
        ("sub-01_space-fsaverage_stat-z_statmap.nii.gz", "fsaverage, not MNI152"),
        ("sub-01_space-MNIPediatricAsym_statmap.nii.gz", "MNIPediatricAsym, not MNI152"),
        ("sub-01_space-MNI152NLin2009cAsym_res-2_stat-z_statmap.nii.gz", None),
        ("space-age.nii.gz", None),
    ],
)
def test_names_of_bids_tell_the_space(name, told, tmp_path, brain_mask):
    nibabel.save(nibabel.Nifti1Image(VALUES, AFFINE), tmp_path / name)
    if told is None:
        maps_on_mask(tmp_path / name, brain_mask)
    else:
        assert f"its name says that its space is {told}" in doubt(tmp_path / name, brain_mask)


@pytest.mark.parametrize(("unit", "scale"), [("meter", 1e-3), ("micron", 1e3)])
def test_a_header_in_another_unit_than_mm_is_told(unit, scale, brain_mask):
    image = nibabel.Nifti1Image(VALUES, np.diag([scale] * 3 + [1]) @ AFFINE)
    image.header.set_xyzt_units(unit)
    if unit == "meter":  # the whole image lies within one voxel of the mask
        with pytest.raises(InvalidInputError, match=r"unit in mm.*covers nothing"):
            maps_on_mask(image, brain_mask)
    else:
        assert "write affine and unit in mm" in doubt(image, brain_mask)
    # Some programs write a wrong unit beside right numbers.
    image = nibabel.Nifti1Image(VALUES, AFFINE)
    image.header.set_xyzt_units(unit)
    maps_on_mask(image, brain_mask)


def test_an_image_that_covers_nothing_of_the_brain_is_refused(brain_mask):
    beside = AFFINE + np.array([[0, 0, 0, 500], *[[0] * 4] * 3])
    with pytest.raises(InvalidInputError, match=r"^image: it covers nothing of"):
        maps_on_mask(nibabel.Nifti1Image(VALUES, beside), brain_mask, "image")


def test_the_grid_of_freesurfer_for_one_head_is_told(brain_mask):
    affine = np.array([[-1.0, 0, 0, 128], [0, 0, 1, -128], [0, -1, 0, 128], [0, 0, 0, 1]])
    values = np.zeros((256, 256, 256), np.int16)
    values[100:150, 100:120, 100:150] = 3
    assert "head of one person" in doubt(nibabel.MGHImage(values, affine), brain_mask)


def test_masks_and_atlases_are_doubted_by_their_headers_too(brain_mask):
    inside = np.asarray(brain_mask.dataobj)
    talairach = nibabel.Nifti1Image(inside, brain_mask.affine)
    talairach.header.set_sform(brain_mask.affine, 3)
    with pytest.warns(DataWarning, match="mask_img: .*Talairach"):
        load_mask(talairach)
    with pytest.warns(DataWarning, match="atlas: .*Talairach"):
        load_atlas(talairach, brain_mask)
