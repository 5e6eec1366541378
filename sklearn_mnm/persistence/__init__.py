"""Save fitted models and load them again without executing anything from the files.

A model is a folder of two files: ``model.json`` says what the model is made of, and
``weights.safetensors`` holds its arrays. Neither can carry code, unlike pickles and what joblib
and torch write; only classes of this package are made from them.
"""

from sklearn_mnm.persistence.files import load_model, read_description, save_model

__all__ = ["load_model", "read_description", "save_model"]
