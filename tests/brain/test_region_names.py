"""Names come to the labels that they belong to, by value, or not at all."""

import json

import nibabel
import numpy as np
import pandas as pd
import pytest
from nilearn.maskers import NiftiLabelsMasker
from sklearn.utils import Bunch

from sklearn_mnm.brain import PeaksToRegions
from sklearn_mnm.brain.region_names import names_of_labels, names_of_maps, plain_names
from sklearn_mnm.exceptions import DataFormatError, InvalidInputError

VALUES = np.array([1.0, 3, 4])  # 2 is not in the image
BY_VALUE = {0: "Background", 1: "ACC", 2: "IFG", 3: "V1", 4: "MTG"}
TABLE = pd.DataFrame({"index": list(BY_VALUE), "name": list(BY_VALUE.values())})
EXPECTED = ["ACC", "V1", "MTG"]


@pytest.fixture(scope="module")
def atlas_img(brain_mask):
    """Labels 1, 3 and 4 in slabs."""
    inside = np.asarray(brain_mask.dataobj)
    bands = np.array([1, 3, 4])[np.arange(inside.shape[2]) * 3 // inside.shape[2]]
    return nibabel.Nifti1Image((inside * bands).astype(np.int16), brain_mask.affine)


@pytest.mark.parametrize(
    "names",
    [
        BY_VALUE,
        {str(value): name for value, name in BY_VALUE.items()},
        {name: value for value, name in BY_VALUE.items()},
        pd.Series(BY_VALUE).iloc[1:],
        TABLE,
        TABLE.sample(frac=1, random_state=0),
        TABLE.rename(columns={"index": "label", "name": "region"}),
        TABLE.set_index("index").iloc[::-1],
        ["ACC", "V1", "MTG"],
        ["Background", "ACC", "V1", "MTG"],
        ["ACC", "V1", "MTG", "background"],
        np.array([b"ACC", b"V1", b"MTG"]),
    ],
    ids=lambda names: type(names).__name__,
)
def test_tables_and_dicts_are_matched_by_value_and_lists_by_order(names):
    assert names_of_labels(names, VALUES, 0) == EXPECTED
    # As models are saved.
    assert names_of_labels(json.loads(json.dumps(plain_names(names))), VALUES, 0) == EXPECTED


FILES = {
    "dseg.tsv": "index\tname\n4\tMTG\n1\tACC\n3\tV1\n2\tIFG\n",
    "names.csv": "name,label\nMTG,4\nACC,1\nV1,3\n",
    "LUT.txt": "#No. Label Name: R G B A\n\n0 Unknown 0 0 0 0\n1 ACC 1 2 3 0\n3 V1 1 2 3 0\n"
    "4 MTG 0 0 0 0\n",
    "snap.label": '1 255 0 0 1 1 1 "ACC"\n3 255 0 0 1 1 1 "V1"\n4 0 0 0 1 1 1 "MTG"\n',
}


@pytest.mark.parametrize("name", FILES)
def test_look_up_tables_are_read_from_files(name, tmp_path):
    (tmp_path / name).write_text(FILES[name])
    assert names_of_labels(tmp_path / name, VALUES, 0) == EXPECTED


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["ACC", "IFG", "V1", "MTG"], "4 region names for 3 regions .* labels are 1, 3, 4"),
        (["Background", "ACC", "IFG", "V1", "MTG"], "4 region names for 3"),
        (["ACC", "V1"], "2 region names for 3"),
        (["Background", "ACC", "V1"], "2 region names for 3"),
        ({1: "ACC", 3: "V1"}, "1 of 3 labels of the atlas have no name: 4"),
        ({"left": "ACC", "right": "V1"}, "no label values"),
        (pd.DataFrame({"a": [1], "b": [2]}), "Call the label values 'index'"),
    ],
)
def test_names_that_do_not_fit_are_an_error_that_says_how_to_give_them(names, told):
    with pytest.raises(InvalidInputError, match=told):
        names_of_labels(names, VALUES, 0)


def test_a_file_that_is_no_table_of_names_is_refused(tmp_path):
    (tmp_path / "names.txt").write_text("ACC\nV1\n")
    with pytest.raises(DataFormatError, match="line 1, 'ACC'"):
        names_of_labels(tmp_path / "names.txt", VALUES, 0)
    with pytest.raises(DataFormatError, match=r"absent\.tsv: cannot be read"):
        names_of_labels(tmp_path / "absent.tsv", VALUES, 0)


def test_the_name_of_another_background_has_its_own_place():
    assert names_of_labels(["a", "b", "c", "Background"], np.array([0, 1, 2]), 255) == list("abc")
    assert names_of_labels(["Background", "a", "b"], np.array([0, 1]), -1) == ["a", "b"]


def test_labels_of_many_digits_have_names_of_their_own():
    values = np.array([12000001.0, 12000002.0])
    assert names_of_labels(None, values, 0) == ["region_12000001", "region_12000002"]


def test_maps_are_named_in_their_order():
    assert names_of_maps(["Background", "a", "b"], 2) == ["a", "b"]
    assert names_of_maps({1: "b", 0: "a"}, 2) == ["a", "b"]
    assert names_of_maps(pd.DataFrame({"difumo_names": ["a", "b"]}), 2) == ["a", "b"]
    assert names_of_maps(None, 2) == ["region_1", "region_2"]
    with pytest.raises(InvalidInputError, match="3 region names for 2"):
        names_of_maps(["a", "b", "c"], 2)
    with pytest.raises(InvalidInputError, match="names for 2"):
        names_of_maps({1: "a", 5: "b"}, 2)


@pytest.mark.parametrize("fitted", [False, True])
def test_maskers_and_fetched_atlases_bring_their_look_up_tables(atlas_img, tmp_path, fitted):
    TABLE.to_csv(tmp_path / "lut.tsv", sep="\t", index=False)
    maskers = [
        NiftiLabelsMasker(atlas_img, lut=TABLE),
        NiftiLabelsMasker(atlas_img, lut=tmp_path / "lut.tsv"),
    ]
    if fitted:
        maskers = [masker.fit() for masker in maskers]
    # Labels in the order of the table of AAL, whose values are strings.
    aal = Bunch(maps=atlas_img, labels=["MTG", "ACC", "V1"], indices=["4", "1", "3"])
    fetched = Bunch(maps=atlas_img, labels=list(BY_VALUE.values()), lut=TABLE)
    given = {"maps": atlas_img, "labels": ["ACC", "V1", "MTG"]}
    for atlas in (*maskers, aal, fetched, given):
        assert PeaksToRegions(atlas, resolution=8).fit().region_names_ == EXPECTED


def test_names_given_by_the_user_go_before_those_of_the_atlas(atlas_img):
    atlas = Bunch(maps=atlas_img, labels=["a", "b", "c"])
    named = PeaksToRegions(atlas, resolution=8, region_names=BY_VALUE).fit()
    assert named.region_names_ == EXPECTED
