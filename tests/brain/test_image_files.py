"""Files of images, of any software: the same map, or a sentence that says what to do."""

import bz2
import gzip
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from nibabel import cifti2
from nilearn.datasets import load_fsaverage
from nilearn.surface import SurfaceImage

from sklearn_mnm.brain.image_files import image_list, image_values, open_image
from sklearn_mnm.brain.maps import maps_on_mask
from sklearn_mnm.exceptions import DataFormatError
from tests.brain.other_software import write_afni, write_minc

RANDOM = np.random.default_rng(0)
VALUES = RANDOM.normal(size=(25, 30, 24)).astype(np.float32)
AFFINE = np.array([[-8.0, 0, 0, 96], [0, 8, 0, -128], [0, 0, 8, -72], [0, 0, 0, 1]])
BOTH = np.stack([VALUES, -VALUES], axis=-1)


def saved(image, path):
    nibabel.save(image, path)
    return path


WRITERS = {
    "map.nii": lambda path: saved(nibabel.Nifti1Image(VALUES, AFFINE), path),
    "map.nii.gz": lambda path: saved(nibabel.Nifti2Image(VALUES, AFFINE), path),
    "map.hdr": lambda path: saved(nibabel.Nifti1Pair(VALUES, AFFINE), path),
    "spm.img": lambda path: saved(nibabel.Spm99AnalyzeImage(VALUES, AFFINE), path),
    "motor.mgh": lambda path: saved(nibabel.MGHImage(VALUES, AFFINE), path),
    "motor.mgz": lambda path: saved(nibabel.MGHImage(VALUES, AFFINE), path),
    "mean.mnc": lambda path: write_minc(path, VALUES, AFFINE),
    "stats+tlrc": lambda path: write_afni(path.parent, path.name, VALUES, AFFINE, space="MNI"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_map_is_the_same_in_each_format_and_raises_no_doubt(name, tmp_path, brain_mask):
    path = WRITERS[name](tmp_path / name)
    expected = maps_on_mask(nibabel.Nifti1Image(VALUES, AFFINE), brain_mask).voxels
    np.testing.assert_allclose(maps_on_mask(path, brain_mask).voxels, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "pack"),
    [("MAP.NII", bytes), ("MAP.NII.GZ", gzip.compress), ("map.nii.bz2", bz2.compress)],
)
def test_suffixes_are_known_in_any_case_and_packed_in_any_way(name, pack, tmp_path):
    path = tmp_path / name
    # Zeros, which gzip makes a thousand times smaller.
    image = nibabel.Nifti1Image(np.zeros((90, 90, 90), np.float32), AFFINE)
    path.write_bytes(pack(image.to_bytes()))
    assert image_values(open_image(path)).shape == (90, 90, 90)


def test_several_maps_lie_along_the_last_axis_wherever_they_are_stored(tmp_path, brain_mask):
    expected = maps_on_mask(nibabel.Nifti1Image(BOTH, AFFINE), brain_mask).voxels
    stored = [
        write_minc(tmp_path / "both.mnc", BOTH, AFFINE),  # time first
        nibabel.load(tmp_path / "both.mnc"),
        saved(nibabel.MGHImage(BOTH, AFFINE), tmp_path / "both.mgz"),
        # AFNI's 3dAFNItoNIFTI writes buckets in five dimensions.
        saved(nibabel.Nifti1Image(BOTH[:, :, :, None], AFFINE), tmp_path / "bucket.nii.gz"),
        nibabel.Nifti1Image(BOTH[:, :, :, None], AFFINE),
    ]
    for image in stored:
        np.testing.assert_allclose(maps_on_mask(image, brain_mask).voxels, expected, atol=1e-5)
    one = nibabel.Nifti1Image(VALUES[..., None, None, None], AFFINE)
    np.testing.assert_array_equal(maps_on_mask(one, brain_mask).voxels[0], expected[0])


def test_what_remains_longer_than_four_dimensions_is_refused_with_advice_that_works():
    image = nibabel.Nifti1Image(np.stack([BOTH, BOTH], -1), AFFINE)
    with pytest.raises(DataFormatError, match=r"\(25, 30, 24, 2, 2\).*dataobj\[\.\.\., 0, 0\]"):
        open_image(image)
    taken = nibabel.Nifti1Image(image.dataobj[..., 0, 0], image.affine)
    assert open_image(taken).shape == VALUES.shape


def test_vectors_are_no_maps():
    field = nibabel.Nifti1Image(np.stack([VALUES] * 3, -1)[:, :, :, None], AFFINE)
    field.header.set_intent("vector")
    with pytest.raises(DataFormatError, match="deformation field"):
        open_image(field)


def write_cifti(path):
    voxels = cifti2.BrainModelAxis.from_mask(np.ones((4, 4, 4)), "thalamus_left", AFFINE)
    cifti2.Cifti2Image(np.ones((1, 64)), (cifti2.ScalarAxis(["a"]), voxels)).to_filename(path)


def write_gifti(path):
    array = nibabel.gifti.GiftiDataArray(np.ones(100, np.float32))
    nibabel.gifti.GiftiImage(darrays=[array]).to_filename(path)


def write_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("map.nii", "map")


NO_IMAGES = {
    "a surface.func.gii": (write_gifti, "surface.*wb_command"),
    "gray.dscalar.nii": (write_cifti, "CIFTI-2.*-cifti-separate"),
    "lh.overlay.mgz": (
        lambda path: saved(nibabel.MGHImage(np.ones((642, 1, 1), np.float32), np.eye(4)), path),
        "surfaces.*mri_surf2vol",
    ),
    "lh.thickness": (
        lambda path: nibabel.freesurfer.write_morph_data(path, np.ones(9)),
        "surface of FreeSurfer",
    ),
    "tracts.trk": (lambda path: path.write_bytes(b"TRACK" + bytes(999)), "streamlines"),
    "slice.dcm": (lambda path: path.write_bytes(bytes(128) + b"DICM" + bytes(400)), "dcm2niix"),
    "maps.zip": (write_zip, "zip archive"),
    "map.npy": (lambda path: np.save(path, VALUES), r"nibabel\.Nifti1Image"),
    "map.nrrd": (lambda path: path.write_bytes(b"NRRD0004\n" * 90), "NRRD"),
    "SPM.mat": (lambda path: path.write_bytes(b"MATLAB 5.0 MAT-file" * 90), "spmT_0001"),
    "page.nii.gz": (lambda path: path.write_text("<!DOCTYPE html><html>404"), "web page"),
    "lfs.nii.gz": (
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid"),
        "git lfs pull",
    ),
    "annexed.nii.gz": (lambda path: path.symlink_to(".git/annex/objects/a"), "datalad get"),
    "peaks.csv": (lambda path: path.write_text("id,x,y,z\n1,2,3,4\n"), "load_studies"),
    "packed.nii": (
        lambda path: path.write_bytes(
            gzip.compress(nibabel.Nifti1Image(VALUES, AFFINE).to_bytes())
        ),
        "Rename it to packed.nii.gz",
    ),
    "plain.nii.gz": (
        lambda path: path.write_bytes(nibabel.Nifti1Image(VALUES, AFFINE).to_bytes()),
        "Rename it to plain.nii",
    ),
    "plain.mgz": (
        lambda path: path.write_bytes(nibabel.MGHImage(VALUES, AFFINE).to_bytes()),
        "Rename it to plain.mgh",
    ),
    "folder": (lambda path: path.mkdir(), "load_images"),
    "*.nii.gz": (lambda path: None, "glob"),
    "absent.nii": (lambda path: None, "no such file"),
}


@pytest.mark.parametrize("name", NO_IMAGES)
def test_files_that_are_no_volumes_are_told_with_what_to_do(name, tmp_path):
    write, told = NO_IMAGES[name]
    write(tmp_path / name)
    with pytest.raises(DataFormatError, match=f"(?s){told}") as caught:
        open_image(tmp_path / name)
    assert name in str(caught.value)
    assert str(caught.value).endswith(".")


def test_addresses_are_not_downloaded():
    with pytest.raises(DataFormatError, match="is an address"):
        open_image("https://example.org/map.nii.gz")


def test_hdf5_without_h5py_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (tmp_path / "mean.mnc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))
    with pytest.raises(DataFormatError, match="h5py"):
        open_image(tmp_path / "mean.mnc")


def test_surfaces_in_memory_are_told_too(tmp_path):
    write_gifti(tmp_path / "a.gii")
    write_cifti(tmp_path / "a.dscalar.nii")
    for name in ("a.gii", "a.dscalar.nii"):
        with pytest.raises(DataFormatError, match=r"a map is a volume.*SurfaceImage"):
            open_image(nibabel.load(tmp_path / name))


def test_surfaces_with_their_mesh_are_opened_as_volumes():
    mesh = load_fsaverage("fsaverage5")["pial"]
    data = {side: np.ones((10242, 2), np.float32) for side in ("left", "right")}
    opened = open_image(SurfaceImage(mesh, data))
    assert opened.shape[3:] == (2,)
    assert set(np.unique(opened.get_fdata())) == {0, 1}


@pytest.mark.parametrize("height", [1e-8, 1e-12])
def test_voxels_without_height_are_refused(height):
    with pytest.raises(DataFormatError, match="leads nowhere"):
        open_image(nibabel.Nifti1Image(VALUES, np.diag([8.0, 8, height, 1])))


@pytest.mark.parametrize(("size", "aside"), [(1e-7, 0), (1e7, 0), (8, 1e10)])
def test_voxels_without_a_size_or_a_place_are_refused(size, aside):
    affine = np.diag([size, size, size, 1.0])
    affine[0, 3] = aside
    with pytest.raises(DataFormatError, match="leads nowhere"):
        open_image(nibabel.Nifti2Image(VALUES, affine))


def test_an_image_without_affine_is_refused():
    with pytest.raises(DataFormatError, match="no affine"):
        open_image(nibabel.Nifti1Image(VALUES, None))


def test_paths_in_arrays_and_series_are_lists_of_images():
    paths = ["a.nii.gz", "b.nii.gz"]
    for given in (
        np.array(paths),
        np.array([Path(path) for path in paths], dtype=object),
        pd.Series(paths, index=[7, 3]),
        pd.Series(paths, dtype="string"),
        tuple(paths),
    ):
        assert list(map(str, image_list(given))) == paths
    image = nibabel.Nifti1Image(VALUES, AFFINE)
    assert image_list(np.array([image], dtype=object)) == [image]
    for other in (image, "a.nii", np.ones(3), np.ones((2, 3)), [], [np.ones(3)], pd.Series([1.0])):
        assert image_list(other) is other
