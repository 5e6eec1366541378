"""Maps predicted for studies by a model that has not seen them."""

import numpy as np

from sklearn_mnm.brain.features import ActivationScaler
from sklearn_mnm.model.decode_head import DecodeHead

# Parts of the studies for which the regression is fitted on the others.
_N_PARTS = 5


def leave_out_activations(
    tangent: np.ndarray,
    activations: np.ndarray,
    scaler: ActivationScaler,
    groups: np.ndarray | None = None,
    *,
    seed: int = 0,
) -> np.ndarray:
    """Predict each study's map from its text by a regression fitted on other studies.

    Parameters
    ----------
    tangent : ndarray of shape (n_studies, n_components)
        Tangent vectors of the texts, themselves made without the study: of the
        ``left_out_points_`` of an embedder.
    activations : ndarray of shape (n_studies, n_regions)
        Activations of the same studies.
    scaler : ActivationScaler
        From activations to regression targets.
    groups : ndarray of shape (n_studies,), optional
        Studies left out together.
    seed : int, default=0
        Of the parts.

    Returns
    -------
    predicted : ndarray of shape (n_studies, n_regions), float64
        As :meth:`~sklearn_mnm.HyperbolicBrainTextEmbedder.predict` would for new studies.
    """
    # Imported late: only fitting needs it, and it would slow the loading of a fitted model.
    from sklearn.model_selection import GroupKFold, KFold

    n_groups = len(tangent) if groups is None else len(np.unique(groups))
    n_parts = min(_N_PARTS, n_groups)
    if groups is None:
        splitter = KFold(n_parts, shuffle=True, random_state=seed)
    else:
        splitter = GroupKFold(n_parts)
    predicted = np.empty(activations.shape)
    for others, part in splitter.split(tangent, groups=groups):
        kept = None if groups is None else groups[others]
        head = DecodeHead.fit(tangent[others], activations[others], scaler, kept)
        predicted[part] = head.predict(tangent[part])
    return predicted
