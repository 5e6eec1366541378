"""From values on the vertices of the cortex to volumes."""

from typing import Any

import nibabel
import numpy as np
from scipy.spatial import cKDTree

from sklearn_mnm.exceptions import DataFormatError

# Of the volume, and how far from a vertex a voxel of it may lie, in mm: half the thickness of the
# cortex and half the diagonal of a voxel.
_VOXEL, _REACH = 3.0, 4.0
# How far from the middle the cortex reaches in MNI152 space, in mm, and over the midline.
_FARTHEST, _BEYOND = 125, 10


def volume_of_surface(image: Any, name: str = "image") -> nibabel.Nifti1Image:
    """Give each voxel near the cortex the value of the nearest vertex.

    Parameters
    ----------
    image : nilearn.surface.SurfaceImage
        Of one or both hemispheres, with one or several maps, on a mesh in MNI152 space: pial,
        white or, best, between. That of fsaverage is about 2 mm off.
    name : str
        Of the argument, for messages.

    Returns
    -------
    volume : nibabel.nifti1.Nifti1Image
        3D, or 4D for several maps, of 3 mm; 0 farther than 4 mm from all vertices.

    Raises
    ------
    DataFormatError
        If vertices do not lie where a cortex does, as those of inflated surfaces and spheres.
    """
    vertices = {part: np.asarray(mesh.coordinates) for part, mesh in image.mesh.parts.items()}
    for part, of_part in vertices.items():
        low, high = of_part.min(axis=0), of_part.max(axis=0)
        beyond = high[0] if part == "left" else -low[0]
        if not (max(*-low, *high) < _FARTHEST and beyond < _BEYOND):
            raise DataFormatError(
                f"{name}: vertices of the {part} hemisphere reach from {np.round(low).tolist()} to "
                f"{np.round(high).tolist()} mm, where no cortex lies in MNI152 space. Give the "
                "values with a pial or white mesh, not an inflated one or a sphere: "
                "nilearn.surface.SurfaceImage(mesh, data)."
            )
    points = np.concatenate(list(vertices.values()), dtype=np.float64)
    values = np.concatenate([image.data.parts[part] for part in vertices], dtype=np.float32)
    origin = points.min(axis=0) - 2 * _REACH
    shape = tuple(np.ceil((np.ptp(points, axis=0) + 4 * _REACH) / _VOXEL).astype(int))
    centres = origin + _VOXEL * np.indices(shape).reshape(3, -1).T
    distance, nearest = cKDTree(points).query(centres, distance_upper_bound=_REACH)
    nearest, is_near = np.asarray(nearest), np.isfinite(distance)
    volume = np.zeros((len(centres), *values.shape[1:]), dtype=np.float32)
    volume[is_near] = values[nearest[is_near]]
    affine = nibabel.affines.from_matvec(np.diag([_VOXEL] * 3), origin)
    return nibabel.Nifti1Image(volume.reshape(*shape, *values.shape[1:]), affine)
