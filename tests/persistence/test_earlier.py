"""Files from before the objective and the towers were objects."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sklearn_mnm import MNMObjective, Towers
from sklearn_mnm.exceptions import DataWarning, ModelFormatError
from sklearn_mnm.persistence import load_model, save_model
from sklearn_mnm.persistence.earlier import present_columns, present_params

FORMER = Path(__file__).parent / "format_1"


def former(target, **params):
    """The embedder of the first version, with other parameters."""
    shutil.copytree(FORMER / "embedder", target)
    path = target / "model.json"
    description = json.loads(path.read_bytes())
    description["model"]["state"]["params"]["items"].update(params)
    path.write_text(json.dumps(description))
    return target


def test_flat_parameters_become_those_of_the_parts():
    given = {"n_components": 4, "alignment": "distance", "extent_weight": 2.0, "scale": 5.0}
    params = present_params(given)
    assert params.keys() == {"n_components", "objective", "towers"}
    assert (
        params["objective"].get_params() == MNMObjective("distance", extent_weight=2).get_params()
    )
    assert params["towers"].get_params() == Towers(inverse_temperature=5.0).get_params()
    assert "alignment" in given


def test_present_parameters_stay():
    given = {"objective": None, "extent_weight": 2.0}
    assert present_params(given) == given


def test_a_former_file_has_objects_and_can_be_saved_again(tmp_path):
    loaded = load_model(FORMER / "embedder")
    assert loaded.objective.hierarchy.levels == ("region", "eights", "brain")
    assert loaded.objective.network_weight == 0.1
    assert loaded.objective.learn_curvature
    assert loaded.towers.n_hidden == 4
    assert len(loaded.get_params(deep=False)) == 18
    columns = set(loaded.history_)
    assert {"inverse_temperature", "text_above_brain", "network"} <= columns
    assert columns.isdisjoint({"scale", "radius_hinge", "networks", "learning_rate"})
    save_model(loaded, tmp_path / "again")
    again = load_model(tmp_path / "again")
    X = np.ones((2, loaded.n_features_in_))
    np.testing.assert_array_equal(again.predict(X), loaded.predict(X))
    assert again.objective.hierarchy.levels == loaded.objective.hierarchy.levels


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("feature_weighting", 0.0),
        ("term_dropout", 0.0),
        ("activation_power", 1.0),
        ("learning_rate_schedule", "cosine"),
        ("patience", 9),
    ],
)
def test_a_parameter_that_was_removed_changes_no_prediction_and_is_told(name, value, tmp_path):
    expected = load_model(FORMER / "embedder")
    folder = former(tmp_path / "model", **{name: value})
    with pytest.warns(DataWarning, match=rf"fitted with {name}={value!r}.*predicts as it did"):
        loaded = load_model(folder)
    X = np.eye(3, loaded.n_features_in_)
    np.testing.assert_array_equal(loaded.predict(X), expected.predict(X))
    np.testing.assert_array_equal(loaded.transform(X), expected.transform(X))


@pytest.mark.parametrize(("name", "value"), [("extent_weight", -1.0), ("n_hidden", 0)])
def test_former_parameters_out_of_range_are_refused(name, value, tmp_path):
    with pytest.raises(ModelFormatError, match=f"'{name}'"):
        load_model(former(tmp_path / "model", **{name: value}))


def test_both_forms_of_the_centroid_and_the_hinge_have_one_column():
    history = [{"epoch": 0}, {"epoch": 1, "centroid": 0.5, "scale": 12.0, "learning_rate": 1e-3}]
    assert present_columns(history) == [
        {"epoch": 0},
        {"epoch": 1, "text_above_brain": 0.5, "inverse_temperature": 12.0},
    ]
