"""Maps on the cortex become volumes with the value of the nearest vertex."""

from pathlib import Path

import nibabel
import nilearn
import numpy as np
import pytest
from nilearn.datasets import load_fsaverage
from nilearn.surface import SurfaceImage
from scipy.spatial.distance import cdist

from sklearn_mnm import load_pretrained
from sklearn_mnm.brain.surfaces import volume_of_surface
from sklearn_mnm.exceptions import DataFormatError

MOTOR_MAP = Path(nilearn.__file__).parent / "datasets" / "data" / "image_10426.nii.gz"
MESHES = load_fsaverage("fsaverage5")


def ramps(mesh, *directions):
    """Values of each vertex: its coordinates along some directions."""
    data = {}
    for side, part in mesh.parts.items():
        values = np.asarray(part.coordinates, dtype=np.float32) @ np.array(directions, np.float32).T
        data[side] = values[:, 0] if len(directions) == 1 else values
    return SurfaceImage(mesh, data)


def centres_of(volume):
    grid = np.indices(volume.shape[:3]).reshape(3, -1).T
    return nibabel.affines.apply_affine(volume.affine, grid)


def test_voxels_near_the_cortex_have_the_value_of_the_nearest_vertex():
    image = ramps(MESHES["pial"], [1, 0, 0], [0, 1, 0], [0, 0, 1])
    volume = volume_of_surface(image)
    centres, values = centres_of(volume), volume.get_fdata().reshape(-1, 3)
    vertices = np.concatenate([part.coordinates for part in MESHES["pial"].parts.values()])
    chosen = np.random.default_rng(0).choice(len(centres), 1000, replace=False)
    distance = cdist(centres[chosen], vertices)
    near = distance.min(axis=1) < 4
    assert 100 < near.sum() < 900
    # Values are the coordinates of the vertex, so that they tell which it was.
    found = np.linalg.norm(values[chosen[near]] - centres[chosen[near]], axis=1)
    np.testing.assert_allclose(found, distance[near].min(axis=1), atol=1e-3)
    assert not values[chosen[~near]].any()


def test_one_hemisphere_leaves_the_other_empty():
    whole = ramps(MESHES["white_matter"], [0, 0, 1])
    mesh, data = whole.mesh.parts["right"], whole.data.parts["right"]
    volume = volume_of_surface(SurfaceImage({"right": mesh}, {"right": data}))
    assert centres_of(volume)[volume.get_fdata().ravel() != 0, 0].min() > -5


@pytest.mark.parametrize("kind", ["inflated", "sphere", "flat"])
def test_vertices_that_are_not_where_the_cortex_is_are_refused(kind):
    with pytest.raises(DataFormatError, match="pial or white mesh"):
        volume_of_surface(ramps(MESHES[kind], [0, 0, 1]))


def test_a_motor_map_on_the_cortex_decodes_to_motor_words():
    surface = SurfaceImage.from_volume(MESHES["pial"], MOTOR_MAP, inner_mesh=MESHES["white_matter"])
    ranking = load_pretrained().decoder.predict_topk(surface, k=10)
    assert {"motor", "hand"} & set(ranking["term"])
    assert ranking["p_map"].iloc[0] <= 0.05
