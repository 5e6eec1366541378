"""How room grows with the radius, and how the aperture of cones falls with it."""

import matplotlib.pyplot as plt
import numpy as np
import torch

from sklearn_mnm.geometry import exp_map0, half_aperture

radii = torch.linspace(0.01, 3, 300, dtype=torch.float64)
on_a_ray = exp_map0(torch.stack([radii, torch.zeros_like(radii)], dim=1), 1.0)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
left.plot(radii, 2 * np.pi * np.sinh(radii), color="#0072b2", label="hyperbolic, 2π sinh r")
left.plot(radii, 2 * np.pi * radii, "--", color="#d55e00", label="flat, 2π r")
left.set(xlabel="radius r (c = 1)", ylabel="circumference", title="Room at a radius")
left.legend(frameon=False)
right.plot(radii, np.degrees(half_aperture(on_a_ray, 1.0)), color="#0072b2")
for name, radius in {"texts": 0.3, "maps": 0.8}.items():
    right.axvline(radius, color="0.6", linewidth=1, linestyle=":")
    right.annotate(f" {name}", (radius, 80), color="0.35")
right.set(xlabel="radius r (c = 1)", ylabel="half-aperture, degrees", title="Cones, K = 0.1")
