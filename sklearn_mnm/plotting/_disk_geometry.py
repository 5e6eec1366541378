"""Points of d dimensions in the Poincaré disk, and geodesics of the disk."""

import numpy as np

from sklearn_mnm.geometry.arrays import tangent_of
from sklearn_mnm.plotting._kinds import radii_of

# Points of a polyline that stands for an arc.
_ARC_STEPS = 32
# Largest size that stays below 1 when turned.
_INNERMOST_RIM = 1 - 1e-15


def disk_positions(points: np.ndarray, curvature: float) -> np.ndarray:
    """Positions in the Poincaré disk: exact radius, direction by principal components.

    A point at the distance r from the root lies at the distance tanh(sqrt(c) r / 2) from the centre
    of the unit disk, exactly. Its direction from the root, a unit vector of d dimensions, is
    projected on the plane of the two leading principal components of all directions, and the angle
    in that plane is shown. The projection itself is not centred: the root stays where it is. A turn
    and a reflection are free: the mean direction points up, the first point lies to its left.

    Angles fitted to all distances keep these a little better among tens of points, but among
    hundreds they end in clusters that are not there.

    Parameters
    ----------
    points : ndarray of shape (n, d + 1), float64
        Points of the hyperboloid, time coordinate first.
    curvature : float

    Returns
    -------
    positions : complex ndarray of shape (n,)
        Of absolute value below 1. Points at the root are at 0.
    """
    tangent = tangent_of(points, curvature)
    sizes = np.linalg.norm(tangent, axis=1, keepdims=True)
    directions = np.divide(tangent, sizes, out=np.zeros_like(tangent), where=sizes > 0)
    centred = directions - directions.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    plane = np.zeros((len(vectors), 2))
    plane[:, : min(2, len(vectors))] = vectors[:, ::-1][:, :2]
    x, y = (directions @ plane).T
    angles = np.arctan2(y, x)
    angles = angles - np.angle(np.mean(np.exp(1j * angles)))
    if np.sin(angles[0]) < 0:
        angles = -angles
    # Far out tanh rounds to 1, and a point on the rim would be infinitely far.
    radii = radii_of(points, curvature)
    shown = np.minimum(np.tanh(np.sqrt(curvature) * radii / 2), _INNERMOST_RIM)
    return shown * np.exp(1j * (angles + np.pi / 2))


def geodesic_arcs(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Geodesics of the disk: arcs of circles that meet the rim at right angles.

    ``z(p) = (w(p) + a) / (1 + conj(a) w(p))``: the translation that takes the centre to the start
    a, applied to the straight line from the centre to where its inverse takes the end.

    Parameters
    ----------
    starts, ends : complex ndarray of shape (n,)

    Returns
    -------
    arcs : complex ndarray of shape (n, 32)
        From start to end, with equal geodesic distances between neighbours.
    """
    a = starts[:, np.newaxis]
    target = (ends - starts) / (1 - np.conj(starts) * ends)
    size = np.abs(target)
    direction = np.divide(target, size, out=np.zeros_like(target), where=size > 0)
    length = np.arctanh(np.minimum(size, _INNERMOST_RIM))
    steps = np.tanh(np.linspace(0, 1, _ARC_STEPS) * length[:, np.newaxis])
    line = steps * direction[:, np.newaxis]
    return (line + a) / (1 + np.conj(a) * line)
