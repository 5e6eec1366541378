"""Polar coordinates of hyperboloid points, and differences that do not cancel.

A point ``x = (t, s)`` of the hyperboloid of curvature ``-c`` has the rapidity
``a = asinh(sqrt(c) |s|)``, its distance to the origin in units of ``1 / sqrt(c)``, and the
direction ``s / |s|``. Distances and angles written in these terms need one delicate quantity
only, ``1 - cos(theta)`` between two directions, which this module provides.
"""

from array_api_compat import array_namespace

from sklearn_mnm.geometry._backend import Array, without_gradient

# Below this value of 1 - cos(theta) (an angle of 3.6 degrees) the matrix product has lost too many
# digits, and the difference of the two directions is taken instead.
NEAR = 2e-3
# Elements gathered at once while refining near pairs: a few megabytes, which stay in the cache.
_BLOCK_ELEMENTS = 2**19


def norm(vectors: Array) -> Array:
    """Euclidean norm over the last dimension; its gradient at the zero vector is zero."""
    return array_namespace(vectors).linalg.vector_norm(vectors, axis=-1)


def polar(x: Array, curvature: Array) -> tuple[Array, Array, Array]:
    """Split points into rapidity, direction and a flag for the origin.

    Only the space coordinates are read: the time coordinate of a point follows from them and is
    the less accurate of the two.

    Parameters
    ----------
    x : array of shape (..., d + 1)
    curvature : 0-d array

    Returns
    -------
    rapidity : array of shape (...)
        ``asinh(sqrt(c) |s|)``.
    direction : array of shape (..., d)
        ``s / |s|``; zero, with zero gradient, at the origin.
    at_origin : bool array of shape (...)
        Whether ``sqrt(c) |s|`` is below the machine epsilon. The gradient of a direction is
        ``1 / |s|``, so this margin also bounds it.
    """
    xp = array_namespace(x)
    space = x[..., 1:]
    length = norm(space)
    scaled = xp.sqrt(curvature) * length
    at_origin = scaled <= xp.finfo(x.dtype).eps
    safe_length = xp.where(at_origin, xp.ones_like(length), length)
    direction = xp.where(at_origin[..., None], xp.zeros_like(space), space / safe_length[..., None])
    return xp.asinh(scaled), direction, at_origin


def gap(x: Array, y: Array, x_norm: Array, y_norm: Array) -> Array:
    """Compute ``|x| |y| - x.y = |x| |y| (1 - cos(theta))`` without cancellation.

    The value of nearly parallel pairs comes from ``|x/|x| - y/|y||^2 / 2``, the gradient always
    from ``|x| |y| - x.y``, because this one is right at zero vectors too, where the direction
    has no derivative but the gap has.

    Parameters
    ----------
    x, y : array of shape (..., d)
    x_norm, y_norm : array of shape (...)
        Their norms.

    Returns
    -------
    gap : array of shape (...)
    """
    xp = array_namespace(x)
    product = x_norm * y_norm
    expanded = product - xp.sum(x * y, axis=-1)
    with without_gradient(x):
        near = expanded < NEAR * product
        chord = _unit(x, x_norm) - _unit(y, y_norm)
        exact = product * xp.sum(chord**2, axis=-1) / 2
        correction = xp.where(near, exact - expanded, xp.zeros_like(expanded))
    return expanded + correction


def pairwise_gap(x: Array, y: Array, x_norm: Array, y_norm: Array) -> Array:
    """All-pairs form of `gap`: one matrix product, and direct differences for near pairs only.

    Parameters
    ----------
    x : array of shape (n, d)
    y : array of shape (m, d)
    x_norm : array of shape (n,)
    y_norm : array of shape (m,)

    Returns
    -------
    gap : array of shape (n, m)
    """
    xp = array_namespace(x)
    product = x_norm[:, None] * y_norm[None, :]
    expanded = product - x @ y.T
    with without_gradient(x):
        rows, columns = xp.nonzero(expanded < NEAR * product)
        if len(rows) == 0:
            return expanded
        unit_x, unit_y = _unit(x, x_norm), _unit(y, y_norm)
        block = max(1, _BLOCK_ELEMENTS // x.shape[1])
        exact = xp.concat(
            [
                xp.sum((unit_x[rows[near]] - unit_y[columns[near]]) ** 2, axis=-1)
                for near in (slice(at, at + block) for at in range(0, len(rows), block))
            ]
        )
        correction = exact * product[rows, columns] / 2 - expanded[rows, columns]
    expanded[rows, columns] += correction
    return expanded


def _unit(vectors: Array, norms: Array) -> Array:
    """Divide vectors of shape (..., d) by their norms; zero stays zero."""
    xp = array_namespace(vectors)
    tiny = xp.finfo(vectors.dtype).smallest_normal
    return vectors / xp.clip(norms, min=tiny)[..., None]


def safe_sqrt(values: Array, margin: float = 0.0) -> Array:
    """Square root that is zero, with zero gradient, where ``values <= margin``; NaN stays NaN."""
    xp = array_namespace(values)
    positive = ~(values <= margin)
    root = xp.sqrt(xp.where(positive, values, xp.ones_like(values)))
    return xp.where(positive, root, xp.zeros_like(root))


def sinh_ratio(squared: Array) -> Array:
    """``sinh(z) / z`` as a smooth function of ``z**2 >= 0``."""
    xp = array_namespace(squared)
    small = squared < 1e-5
    root = xp.sqrt(xp.where(small, xp.ones_like(squared), squared))
    series = 1 + squared / 6 * (1 + squared / 20)
    return xp.where(small, series, xp.sinh(root) / root)


def asinh_ratio(squared: Array) -> Array:
    """``asinh(z) / z`` as a smooth function of ``z**2 >= 0``."""
    xp = array_namespace(squared)
    small = squared < 1e-5
    root = xp.sqrt(xp.where(small, xp.ones_like(squared), squared))
    series = 1 - squared / 6 * (1 - squared * (9 / 20))
    return xp.where(small, series, xp.asinh(root) / root)
