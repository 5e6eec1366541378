"""Images of NeuroVault, as nilearn keeps what it has fetched; nothing here needs a network."""

import json
import re
import shutil
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nilearn
import pytest

from sklearn_mnm.datasets import fetch_neurovault_image
from sklearn_mnm.datasets.neurovault import neurovault_id
from sklearn_mnm.exceptions import DownloadError, InvalidInputError

MOTOR_MAP = Path(nilearn.__file__).parent / "datasets" / "data" / "image_10426.nii.gz"


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A function that puts the motor map, with what is told of it, where nilearn looks first."""
    # Whatever is not there is asked of a server that nobody runs.
    monkeypatch.setattr("nilearn.datasets.neurovault._NEUROVAULT_IMAGES_URL", "http://127.0.0.1:9/")

    def keep(**about):
        folder = tmp_path / "neurovault" / "collection_1952"
        folder.mkdir(parents=True)
        place = {"relative_path": "collection_1952", "id": 1952, "name": "Brainpedia"}
        (folder / "collection_metadata.json").write_text(json.dumps(place))
        shutil.copy(MOTOR_MAP, folder / MOTOR_MAP.name)
        known = {"id": 10426, "collection_id": 1952, "name": "left vs right", "map_type": "Z map"}
        known |= {"relative_path": f"collection_1952/{MOTOR_MAP.name}"}
        text = json.dumps(known | {"image_type": "statistic_map"} | about)
        (folder / "image_10426_metadata.json").write_text(text)
        return tmp_path

    return keep


def test_an_image_that_was_fetched_before_needs_no_network(kept):
    found = fetch_neurovault_image(10426, kept())
    assert found.path.read_bytes() == MOTOR_MAP.read_bytes()
    assert found.name == "left vs right (NeuroVault 10426)"
    assert found.notes == ()


def test_what_neurovault_doubts_is_told(kept):
    found = fetch_neurovault_image(10426, kept(not_mni=True, analysis_level="single-subject"))
    assert len(found.notes) == 2
    assert "MNI152" in found.notes[0]
    assert "single person" in found.notes[1]


def test_other_templates_and_statistics_without_a_sign_are_told(kept):
    found = fetch_neurovault_image(10426, kept(map_type="F map", target_template_image="Talairach"))
    assert len(found.notes) == 2
    assert "Talairach" in found.notes[0]
    assert "deactivation" in found.notes[1]


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"map_type": "P map (given null hypothesis)"}, "make z of them"),
        ({"map_type": '1-P map ("inverted" probability)'}, "make z of them"),
        ({"map_type": "ROI/mask"}, "'ROI/mask'"),
        ({"map_type": "parcellation"}, "'parcellation'"),
        ({"image_type": "atlas"}, "'atlas'"),
    ],
)
def test_what_is_no_map_to_decode_is_refused(kept, about, told):
    with pytest.raises(InvalidInputError, match=told):
        fetch_neurovault_image(10426, kept(**about))


def test_what_cannot_be_had_is_one_error_and_nothing_is_printed(kept, capfd):
    with pytest.raises(DownloadError, match="cannot be reached, or has no such"):
        fetch_neurovault_image(999, kept())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("number", [0, -1, 1.5, "10426", None, True])
def test_numbers_are_checked_first(number):
    with pytest.raises(InvalidInputError, match="image_id"):
        fetch_neurovault_image(number)


@pytest.mark.parametrize(
    "text",
    [
        "neurovault:10426",
        "NeuroVault: 10426",
        "https://neurovault.org/images/10426/",
        "http://www.neurovault.org/images/10426",
    ],
)
def test_images_are_named_by_number_or_address(text):
    assert neurovault_id(text) == 10426


@pytest.mark.parametrize("text", ["neurovault", "10426", "pain", "https://neurovault.org/10426"])
def test_texts_are_no_images(text):
    assert neurovault_id(text) is None


@pytest.mark.parametrize("text", ["neurovault:", "neurovault:ten", "neurovault:-5", "neurovault:²"])
def test_what_begins_as_a_number_must_be_one(text):
    with pytest.raises(InvalidInputError, match="give the number of an image"):
        neurovault_id(text)


def test_a_damaged_file_of_the_cache_is_looked_for_where_it_is(kept):
    folder = kept()
    (folder / "neurovault" / "collection_1952" / "image_7_metadata.json").write_text("{broken")
    with pytest.raises(DownloadError, match=re.escape(str(folder / "neurovault"))):
        fetch_neurovault_image(10426, folder)


def test_many_threads_leave_what_is_written_where_it_was(kept):
    folder, before = kept(), (sys.stdout, sys.stderr, list(warnings.filters))

    def fetch(number):
        try:
            return fetch_neurovault_image(number, folder).name
        except DownloadError:
            return None

    with ThreadPoolExecutor(6) as threads:
        names = list(threads.map(fetch, [10426, 999] * 12))
    assert names == ["left vs right (NeuroVault 10426)", None] * 12
    assert (sys.stdout, sys.stderr, list(warnings.filters)) == before
