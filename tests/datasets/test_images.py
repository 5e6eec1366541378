import json
import shutil
from pathlib import Path

import nibabel
import nilearn
import numpy as np
import pandas as pd
import pytest

from sklearn_mnm import MNMDecoder, MNMEncoder, PeaksToRegions
from sklearn_mnm.datasets import load_images
from sklearn_mnm.datasets.images import read_image
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError

MOTOR_MAP = Path(nilearn.__file__).parent / "datasets" / "data" / "image_10426.nii.gz"
# The grid of the small maps: 8 mm over the brain.
AFFINE = np.diag([8.0, 8, 8, 1])
AFFINE[:3, 3] = [-72, -104, -72]


def small_map(centre):
    """A map with one blob, as an image."""
    points = nibabel.affines.apply_affine(AFFINE, np.moveaxis(np.indices((19, 23, 19)), 0, -1))
    distance = np.linalg.norm(points - centre, axis=-1)
    return nibabel.Nifti1Image(np.exp(-((distance / 20) ** 2)).astype(np.float32), AFFINE)


@pytest.fixture
def neurovault(tmp_path):
    """A folder as nilearn's fetch_neurovault leaves it: a real map and five generated ones."""
    folder = tmp_path / "neurovault"
    for number in (1, 2):
        collection = folder / f"collection_{number}"
        collection.mkdir(parents=True)
        (collection / "collection_metadata.json").write_text(json.dumps({"id": number}))

    def add(collection, number, image=None, **metadata):
        path = folder / f"collection_{collection}" / f"image_{number}.nii.gz"
        record = {"id": number, "collection_id": collection, "not_mni": False, "is_valid": True}
        name = path.with_name(f"image_{number}_metadata.json")
        name.write_text(json.dumps(record | metadata), encoding="utf-8")
        if image is not None:
            image.to_filename(path)
        return path

    shutil.copy(
        MOTOR_MAP,
        add(
            1,
            10426,
            name="Left hand",
            contrast_definition="left hand > right hand",
            cognitive_paradigm_cogatlas="motor task",
            cognitive_contrast_cogatlas="None / Other",
            map_type="Z map",
        ),
    )
    add(1, 2, small_map([0, 0, 0]), name="Blob", description="Blob", map_type="T map")
    add(2, 3, small_map([40, 0, 0]), name=None, map_type="Z map")
    add(2, 4, small_map([0, 40, 0]), not_mni=True)
    add(2, 5, small_map([0, 40, 0]), is_valid=False)
    add(2, 6).write_bytes(b"damaged")
    add(2, 7)
    return folder


def test_what_cannot_be_used_is_left_out_and_counted_once(neurovault):
    with pytest.warns(DataWarning) as record:
        maps = load_images(neurovault)
    (warning,) = record
    assert str(warning.message) == (
        "1 of 7 images are missing: left out; 1 of 7 images are not in MNI space: left out; "
        "1 of 7 images cannot be read: left out; 1 of 4 images have no complete form at NeuroVault "
        "(is_valid is false); they are kept; 2 of 4 images have no text; they are kept "
        f"(read from {neurovault})."
    )
    assert maps.metadata["id"].tolist() == [10426, 2, 3, 5]
    assert [Path(path).name for path in maps.images] == [
        "image_10426.nii.gz",
        "image_2.nii.gz",
        "image_3.nii.gz",
        "image_5.nii.gz",
    ]
    assert maps.groups.tolist() == ["1", "1", "2", "2"]
    # Each entry once, and what says that nothing was entered not at all.
    assert maps.texts.tolist() == ["Left hand\nleft hand > right hand\nmotor task", "Blob", "", ""]


@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
def test_a_selection_keeps_images_texts_and_metadata_together(neurovault):
    maps = load_images(neurovault)
    chosen = maps[maps.metadata["map_type"] == "Z map"]
    assert len(chosen) == 2
    assert chosen.images == [maps.images[0], maps.images[2]]
    assert chosen.texts.tolist() == [maps.texts[0], ""]
    assert chosen.metadata["id"].tolist() == [10426, 3]
    assert maps[[2, 0]].metadata["id"].tolist() == [3, 10426]


KINDS = {
    "are maps of p values": {"map_type": "P map (given null hypothesis)"},
    "are anatomical": {"map_type": "anatomical"},
    "are masks, atlases or parcellations": {"map_type": "ROI/mask"},
    "are of another species": {"map_type": "Z map", "subject_species": "mus musculus"},
    "are maps of variance": {"map_type": "variance"},
}


def test_what_is_no_map_of_activation_is_left_out_and_counted_unless_asked_for(tmp_path):
    rows = [*KINDS.values(), {"map_type": "Z map", "analysis_level": "single-subject"}]
    rows.append({"map_type": "T map", "subject_species": "homo sapiens"})
    table = pd.DataFrame(rows).assign(file=[f"{n}.nii" for n in range(7)], title="x")
    table.to_csv(tmp_path / "metadata.csv", index=False)
    for name in table["file"]:
        small_map([0, 0, 0]).to_filename(tmp_path / name)
    with pytest.warns(DataWarning) as record:
        maps = load_images(tmp_path)
    assert [Path(image).name for image in maps.images] == ["5.nii", "6.nii"]
    for kind in KINDS:
        assert f"1 of 7 images {kind}: left out" in str(record[0].message)
    assert "1 of 2 images are of a single subject; they are kept" in str(record[0].message)
    with pytest.warns(DataWarning, match="^1 of 7 images are of a single subject; they are kept"):
        assert len(load_images(tmp_path, kinds="all")) == 7
    with pytest.raises(InvalidInputError, match="kinds='z'"):
        load_images(tmp_path, kinds="z")


ROW = "http://neurovault.org/media/images/{}/left%20hand.nii.gz"


@pytest.mark.parametrize("form", ["table", "rows", "page of rows"])
def test_images_with_addresses_are_looked_for_in_the_folder(tmp_path, form):
    rows = [{"id": n, "collection_id": n, "name": "hand", "file": ROW.format(n)} for n in (1, 2)]
    (tmp_path / "collection_2").mkdir()
    small_map([0, 0, 0]).to_filename(tmp_path / "left hand.nii.gz")
    small_map([0, 0, 0]).to_filename(tmp_path / "collection_2" / "image_2.nii.gz")
    if form == "table":
        pd.DataFrame(rows).to_csv(tmp_path / "metadata.csv", index=False)
    else:
        document = rows if form == "rows" else {"count": 2, "results": rows}
        (tmp_path / "images.json").write_text(json.dumps(document))
    maps = load_images(tmp_path)
    assert [str(Path(image).relative_to(tmp_path)) for image in maps.images] == [
        "left hand.nii.gz",
        "collection_2/image_2.nii.gz",
    ]
    assert maps.metadata["file_address"].tolist() == [row["file"] for row in rows]
    (tmp_path / "left hand.nii.gz").unlink()
    with pytest.warns(DataWarning, match="1 of 2 images are addresses of images that are not in"):
        assert len(load_images(tmp_path)) == 1


def test_tables_of_windows_are_read(tmp_path):
    (tmp_path / "maps").mkdir()
    small_map([0, 0, 0]).to_filename(tmp_path / "maps" / "a.nii.gz")
    (tmp_path / "METADATA.CSV").write_text("sep=;\nFile;Title;\nmaps\\a.nii.gz;hand;\n;;\n")
    maps = load_images(tmp_path)
    assert [Path(image).name for image in maps.images] == ["a.nii.gz"]
    assert maps.texts.tolist() == ["hand"]


def test_two_rows_of_one_image_are_refused(tmp_path):
    small_map([0, 0, 0]).to_filename(tmp_path / "left hand.nii.gz")
    rows = [{"id": n, "collection_id": n, "file": ROW.format(n)} for n in (1, 2)]
    pd.DataFrame(rows).to_csv(tmp_path / "metadata.csv", index=False)
    with pytest.raises(
        DataFormatError, match=r"line 2 and line 3 name one image, .*collection_<num"
    ):
        load_images(tmp_path)


@pytest.fixture
def table_folder(tmp_path):
    """Forty small maps of two kinds and a table that tells of them."""
    rows = []
    for number in range(40):
        centre, name = (
            ([-40, -20, 50], "finger tapping") if number % 2 else ([0, -80, 0], "visual motion")
        )
        file = f"maps/{number}.nii.gz"
        (tmp_path / "maps").mkdir(exist_ok=True)
        small_map(np.add(centre, [number / 10, 0, 0])).to_filename(tmp_path / file)
        rows.append({"File": file, "title": f"{name} in group {number % 5}", "site": number % 3})
    pd.DataFrame(rows).to_csv(tmp_path / "metadata.csv", index=False)
    return tmp_path


def test_a_table_names_the_images_in_its_order(table_folder):
    maps = load_images(table_folder)
    assert len(maps) == 40
    assert maps.texts[1] == "finger tapping in group 1"
    assert maps.metadata["site"].tolist()[:4] == [0, 1, 2, 0]
    assert len(set(maps.groups)) == 40


def test_encoder_and_decoder_are_fitted_to_a_collection(table_folder):
    maps = load_images(table_folder)
    x, y, z = np.indices((19, 23, 19))
    labels = 1 + x // 7 + 3 * (y // 8) + 9 * (z // 10)
    atlas = nibabel.Nifti1Image(labels.astype(np.int32), AFFINE)
    regions = PeaksToRegions(atlas=atlas, resolution=8)
    encoder = MNMEncoder(regions=regions, random_state=0)
    encoder.fit(maps.texts, maps.images, groups=maps.groups)
    tapping, motion = encoder.predict(["finger tapping", "visual motion"])
    observed = encoder.regions_.regions_from_img(maps.images)
    assert np.corrcoef(tapping, observed[1])[0, 1] > np.corrcoef(motion, observed[1])[0, 1]
    decoder = MNMDecoder(regions=regions, n_terms=2, random_state=0).fit(maps.images, maps.texts)
    assert set(decoder.predict([maps.images[1]])[0]) == {"finger", "tapping"}


def test_folders_without_metadata_or_usable_images_are_refused(tmp_path):
    with pytest.raises(DataFormatError, match="is not a folder"):
        load_images(tmp_path / "absent")
    with pytest.raises(DataFormatError, match="holds no metadata"):
        load_images(tmp_path)
    (tmp_path / "metadata.csv").write_text("name\nPain\n")
    with pytest.raises(DataFormatError, match=r"missing column\(s\) \['file'\]"):
        load_images(tmp_path)
    (tmp_path / "metadata.csv").write_text("file\na.nii\n")
    with pytest.raises(DataFormatError, match=r"no image can be used \(1 of 1 images are missing"):
        load_images(tmp_path)
    (tmp_path / "metadata.csv").unlink()
    (tmp_path / "image_1_metadata.json").write_text("[]")
    with pytest.raises(DataFormatError, match=r"image_1_metadata\.json: does not hold"):
        load_images(tmp_path)


def test_images_are_opened_or_refused_by_name(tmp_path):
    assert read_image(MOTOR_MAP).shape == (53, 63, 46)
    (tmp_path / "text.nii").write_text("no image")
    with pytest.raises(DataFormatError, match=r"text\.nii: cannot be read as an image"):
        read_image(tmp_path / "text.nii")
    with pytest.raises(DataFormatError, match=r"absent\.nii: cannot be read as an image"):
        read_image(tmp_path / "absent.nii")
    nibabel.Nifti1Image(np.zeros((3, 3)), np.eye(4)).to_filename(tmp_path / "flat.nii")
    with pytest.raises(DataFormatError, match=r"flat\.nii: has the shape \(3, 3\)"):
        read_image(tmp_path / "flat.nii")
