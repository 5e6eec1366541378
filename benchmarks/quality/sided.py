"""Phrases with a side, and whether a map is on the side that anatomy says."""

from typing import Any

import numpy as np

# Parts of the body and of space, which the other hemisphere serves, and parts of the brain.
CROSSED = ("hand", "foot", "finger movement", "leg", "visual hemifield", "visual field")
SAME = (
    *("inferior frontal gyrus", "precentral gyrus", "hippocampus", "amygdala", "fusiform gyrus"),
    *("superior temporal gyrus", "insula", "angular gyrus", "dorsolateral prefrontal cortex"),
    *("intraparietal sulcus", "temporoparietal junction"),
)
QUERIES = tuple((side, phrase) for phrase in (*CROSSED, *SAME) for side in ("left", "right"))


def on_side_of_anatomy(image: Any, side: str, phrase: str) -> bool:
    """Whether the highest tenth of the positive voxels is larger, in sum, on the side expected."""
    values = np.asarray(image.dataobj)
    x = image.affine[0, 3] + image.affine[0, 0] * np.arange(values.shape[0])
    top = np.where(values >= np.percentile(values[values > 0], 90), values, 0)
    is_right = top[x > 0].sum() > top[x < 0].sum()
    return bool(is_right == ((side == "right") != (phrase in CROSSED)))
