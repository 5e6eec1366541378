"""Images that are legal and hold something else than a statistic, told by header, name, values."""

import importlib.util
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nilearn.datasets import load_mni152_brain_mask, load_mni152_template
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from sklearn_mnm import load_pretrained
from sklearn_mnm.brain.atlas import load_mask
from sklearn_mnm.brain.maps import maps_on_mask
from sklearn_mnm.exceptions import DataFormatError, DataWarning
from tests.brain.other_software import write_afni

MASK = load_mask(resolution=4)
INSIDE = np.asarray(MASK.dataobj) != 0
NOISE = gaussian_filter(np.random.default_rng(0).normal(size=MASK.shape), 1.5)
Z = (NOISE / NOISE.std() * INSIDE).astype(np.float32)
P = norm.sf(Z)


def image(values, intent=None, parameters=()):
    made = nibabel.Nifti1Image(np.asarray(values, dtype=np.float32), MASK.affine)
    if intent is not None:
        made.header.set_intent(intent, parameters)
    return made


def stored_with_8_bits(values):
    made = image(values)
    made.set_data_dtype(np.uint8)
    return nibabel.Nifti1Image.from_bytes(made.to_bytes())


def doubt(given, mask=MASK):
    with pytest.warns(DataWarning) as caught:
        maps_on_mask(given, mask)
    return str(caught[0].message)


@pytest.mark.parametrize("intent", ["p value", "label", "neuroname"])
def test_headers_that_say_p_values_or_labels_are_refused(intent):
    with pytest.raises(DataFormatError, match=r"intent code.*(z_from_p|atlas=)"):
        maps_on_mask(image(P, intent), MASK)


@pytest.mark.parametrize("outside", [0.5, 0.0, 1.0])
def test_p_values_are_told_by_their_range_whatever_is_outside_the_brain(outside):
    told = doubt(image(np.where(INSIDE, P, outside)))
    assert "the small ones are the strong ones" in told
    assert "z_from_p" in told


def test_thresholded_p_values_are_told_by_their_name(tmp_path):
    small = image(np.where(INSIDE & (P < 0.05), P, 0))
    for name in ("spm_pval.nii.gz", "p_level-voxel.nii", "zstat1-p.nii", "P.nii"):
        nibabel.save(small, tmp_path / name)
        assert "its name speaks of p" in doubt(tmp_path / name)
    for name in ("log10p.nii", "corrp_tstat1.nii.gz", "map_parietal.nii"):
        nibabel.save(small, tmp_path / name)
        maps_on_mask(tmp_path / name, MASK)


def test_values_rounded_to_8_bits_are_told_and_fine_ones_are_not():
    told = doubt(stored_with_8_bits(np.where(INSIDE, P, 0)))
    assert "p values" in told
    assert "small values have become 0" in told
    assert "small values have become 0" in doubt(stored_with_8_bits(np.maximum(Z, 0)))
    # As NiMARE gives p: 1 nearly everywhere.
    rare = np.where(INSIDE & (P < 0.01), P, 1)
    assert "small values have become 0" in doubt(stored_with_8_bits(rare))


def test_logarithms_of_p_below_0_are_to_be_turned():
    assert "multiply it by -1" in doubt(image(np.log10(P) * INSIDE, "log10 p value"))


@pytest.mark.parametrize(("intent", "told"), [("f test", "F"), ("chi2", "chi-squared")])
def test_statistics_without_a_sign_are_told(intent, told):
    given = image(Z**2)
    given.header["intent_code"] = {"f test": 4, "chi2": 6}[intent]
    assert f"holds {told}, large for activation and deactivation alike" in doubt(given)


def test_labels_are_told_by_their_jumps_and_counts_are_not():
    blocks = 1 + np.arange(60).reshape(5, 4, 3) * 7 % 60
    labels = np.kron(blocks, np.ones((10, 15, 16)))[:50, :59, :48] * INSIDE
    assert "as labels of an atlas do" in doubt(image(labels))
    counts = np.rint(3 * np.maximum(gaussian_filter(Z, 1.5), 0))
    maps_on_mask(image(counts), MASK)  # of persons who show an effect


def test_a_real_atlas_is_told():
    package = importlib.util.find_spec("nimare")
    if package is None:
        pytest.skip("needs the atlas of the NiMARE package")
    name = "HarvardOxford-cort-maxprob-thr25-2mm.nii.gz"
    path = Path(package.origin).parent / "resources" / "atlases" / name
    assert "as labels of an atlas do" in doubt(path)


def test_templates_and_masks_of_the_brain_are_told():
    template = load_mni152_template(resolution=4)
    scaled = nibabel.Nifti1Image(np.asarray(template.dataobj) * 900, template.affine)
    assert "an anatomical or mean image" in doubt(scaled)
    assert "templates and tissues" in doubt(template)
    assert "a mask of the brain" in doubt(load_mni152_brain_mask(resolution=4))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sub-01_T1w.nii.gz", "an anatomical image"),
        ("sub-01_task-rest_space-MNI152NLin6Asym_desc-preproc_bold.nii.gz", "a functional series"),
        ("sub-01_space-MNI152NLin6Asym_desc-brain_mask.nii", "a mask"),
        ("sub-01_space-MNI152NLin6Asym_dseg.nii.gz", "an atlas of labels"),
    ],
)
def test_names_of_bids_tell_the_kind(name, told, tmp_path):
    nibabel.save(image(Z), tmp_path / name)
    assert f"its name says that it is {told}" in doubt(tmp_path / name)


def test_a_series_in_time_is_told_by_its_header():
    series = nibabel.Nifti1Image(np.stack([Z] * 40, axis=-1), MASK.affine)
    maps_on_mask(series, MASK)  # 40 maps
    series.header.set_xyzt_units("mm", "sec")
    assert "40 volumes, by its header a series in time" in doubt(series)


def test_sub_bricks_of_afni_are_named_with_their_statistics(tmp_path):
    path = write_afni(
        tmp_path,
        "stats+tlrc",
        np.stack([Z**2, Z, Z], axis=-1),
        MASK.affine,
        space="MNI",
        labels=["Full_Fstat", "hand#0_Coef", "hand#0_Tstat"],
        statistics=[0, 4, 2, 2, 100, 2, 3, 1, 100],
    )
    told = doubt(path)
    assert "0 'Full_Fstat' (F, without a sign), 1 'hand#0_Coef', 2 'hand#0_Tstat'" in told
    with pytest.warns(DataWarning):
        assert len(maps_on_mask(path, MASK).voxels) == 3


def test_maps_of_statistics_and_clusters_raise_no_doubt():
    encoder, _ = load_pretrained()
    cluster = np.zeros(MASK.shape)
    cluster[20:23, 20:23, 20:23] = 1
    parcels = np.kron(np.random.default_rng(0).normal(size=(5, 6, 6)), np.ones((10, 10, 8)))
    for given in (
        image(Z),
        image(Z, "z score"),
        image(np.where(Z > 2, Z, 0)),
        image(cluster),
        image(parcels[:50, :59, :48] * INSIDE),
        image(-np.log10(P) * INSIDE),  # not: of p
        image(np.tanh(Z / 4)),  # correlations
        image(np.maximum(Z, 0) / 200),  # ALE
        encoder.predict_img(["working memory"]),
        encoder.predict_img(["working memory"], kind="z"),
    ):
        maps_on_mask(given, MASK)
