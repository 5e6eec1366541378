"""A harmless pickle that tells when somebody opened it."""

import io
import pickle
from pathlib import Path

import joblib


class _Touch:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def payloads(marker):
    """Files that make `marker` when they are unpickled, by how they were written."""
    stream = io.BytesIO()
    joblib.dump(_Touch(marker), stream)
    return {"pickle": pickle.dumps(_Touch(marker)), "joblib": stream.getvalue()}
