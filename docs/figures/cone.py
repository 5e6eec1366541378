"""A text, its cone and two maps in the Poincaré disk, all computed by sklearn_mnm.geometry."""

import math

import matplotlib.pyplot as plt
import numpy as np
import torch

from sklearn_mnm.geometry import (
    exp_map0,
    exterior_angle,
    from_space,
    geodesic,
    half_aperture,
    is_entailed,
    origin,
)

BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"


def at(radius, degrees):
    """Point of the hyperbolic plane of curvature -1."""
    angle = math.radians(degrees)
    return exp_map0(radius * torch.tensor([math.cos(angle), math.sin(angle)]).double(), 1.0)


def in_disk(points):
    """Where points of the hyperboloid lie in the Poincaré disk."""
    return (points[..., 1:] / (1 + points[..., :1])).numpy().T


def line(start, end):
    """Coordinates of a geodesic in the disk."""
    position = torch.linspace(0, 1, 100).double()
    return in_disk(geodesic(start, end, position, 1.0))


root, text = origin(2, 1.0, dtype=torch.float64), at(0.55, 55)
maps = {"a map that it entails": (at(1.9, 50), GREEN), "another map": (at(1.9, -10), ORANGE)}

figure, ax = plt.subplots(figsize=(6.4, 6.2), layout="constrained")
ax.add_patch(plt.Circle((0, 0), 1, fill=False, color="0.5"))
x, y = np.meshgrid(np.linspace(-1, 1, 800), np.linspace(-1, 1, 800))
inside = x**2 + y**2 < 0.9999
disk = torch.from_numpy(np.stack([x[inside], y[inside]], axis=1))
points = from_space(2 * disk / (1 - (disk**2).sum(dim=1, keepdim=True)), 1.0)
cone = np.zeros_like(x)
cone[inside] = is_entailed(text, points, 1.0).numpy()
ax.contourf(x, y, cone, levels=[0.5, 1.5], colors=[BLUE], alpha=0.18)

ray = line(root, at(6, 55))
ax.plot(*ray, color="0.6", linewidth=1, linestyle="--")
for name, (point, colour) in maps.items():
    ax.plot(*line(text, point), color=colour)
    angle = math.degrees(exterior_angle(text, point, 1.0))
    place = in_disk(point)
    ax.plot(*place, "s", color=colour)
    ax.annotate(
        f"{name}\nexterior angle {angle:.0f}°",
        place,
        xytext=(8, -4),
        textcoords="offset points",
        va="top",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
    )
aperture = math.degrees(half_aperture(text, 1.0))
ax.plot(*in_disk(text), "o", color=BLUE)
ax.annotate(
    f"text\nhalf-aperture {aperture:.0f}°",
    in_disk(text),
    xytext=(-10, 6),
    textcoords="offset points",
    ha="right",
)
ax.plot(0, 0, "+", color="black", markersize=10)
ax.annotate("root", (0, 0), xytext=(-6, -6), textcoords="offset points", ha="right", va="top")
ax.set(xlim=(-1.02, 1.3), ylim=(-1.02, 1.02), aspect="equal")
ax.axis("off")
