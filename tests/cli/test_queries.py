"""Texts become images, images become words, studies are found."""

import gzip
import json
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
from scipy.stats import norm

from sklearn_mnm import load_model, load_pretrained, save_model
from sklearn_mnm.brain import cluster_table, name_coordinates
from tests.brain.other_software import write_afni
from tests.cli.conftest import MOTOR_MAP, fail, mnm, screen, succeed


@pytest.fixture(scope="module")
def fitted(fitted, tmp_path_factory):
    """The model with the scores of noise, which each call would make anew."""
    encoder = load_model(fitted.folder)
    encoder.noise_null_ = encoder.decoder()._noise_null()
    folder = tmp_path_factory.mktemp("with_noise") / "model"
    save_model(encoder, folder)
    return SimpleNamespace(folder=folder, told=fitted.told)


def test_a_text_becomes_an_image_and_the_image_words_again(tmp_path):
    output = tmp_path / "tapping.nii.gz"
    result = succeed("encode", "finger tapping qwxzzy", "-o", output, "--json")
    told = json.loads(result.stdout)
    image = nibabel.load(output)
    assert told["highest"] == pytest.approx(image.get_fdata().max(), rel=1e-6)
    # In motor areas: between the hands of both hemispheres, medially, or there.
    assert abs(told["highest_at_mm"][1] + 15) < 20
    assert told["highest_at_mm"][2] > 40
    assert told["unknown_words"] == ["qwxzzy"]
    assert "finger tapping" in told["known_terms"]
    encoder, decoder = load_pretrained()
    expected = encoder.predict_img(["finger tapping qwxzzy"])
    np.testing.assert_allclose(image.get_fdata(), expected.get_fdata(), rtol=1e-5, atol=1e-9)

    ranking = json.loads(succeed("decode", output, "-k", 5, "--json").stdout)
    assert [row["term"] for row in ranking] == decoder.predict(output)[0][:5].tolist()
    assert [row["rank"] for row in ranking] == [1, 2, 3, 4, 5]


def test_a_place_gets_its_name_terms_and_studies():
    told = json.loads(succeed("place", "-k", 4, 14, 11, -4, "--json").stdout)
    encoder, decoder = load_pretrained()
    named = name_coordinates((14, 11, -4)).iloc[0]
    assert (told["name"], told["distance"]) == (named["name"], pytest.approx(named["distance"]))
    expected = encoder.terms_at((14, 11, -4), k=4)
    assert [row["term"] for row in told["terms"]] == expected["term"].tolist()
    studies = decoder.retrieve([np.array([(14, 11, -4)])], k=4, by="brain")
    assert [row["id"] for row in told["studies"]] == studies["id"].tolist()
    lines = succeed("place", 14, 11, -4).stdout.splitlines()
    assert lines[0] == "place: 14, 11, -4"
    assert any(line.startswith("1\tventral striatum\t") for line in lines)


def test_options_of_maps_reach_the_model(tmp_path):
    output = tmp_path / "map.nii"
    succeed("encode", "pain", "-o", output, "--kind", "z", "--level", "ward7", "--resolution", 8)
    encoder, _ = load_pretrained()
    expected = encoder.predict_img(["pain"], kind="z", level="ward7", resolution=8)
    np.testing.assert_allclose(
        nibabel.load(output).get_fdata(), expected.get_fdata(), rtol=1e-5, atol=1e-9
    )


def test_images_are_packed_as_their_names_say(fitted, tmp_path):
    term = load_model(fitted.folder).terms_[0]
    told = {}
    for name in ("map.nii", "map.nii.gz"):
        result = succeed("encode", term, "-o", tmp_path / name, "-m", fitted.folder)
        told[name] = result.stdout.replace(name, "")
    assert told["map.nii"] == told["map.nii.gz"]
    assert told["map.nii"].startswith(f"file: {tmp_path}/\nkind: activation\nhighest: ")
    plain = (tmp_path / "map.nii").read_bytes()
    assert gzip.decompress((tmp_path / "map.nii.gz").read_bytes()) == plain
    assert nibabel.load(tmp_path / "map.nii").get_data_dtype() == np.float32


def test_an_image_that_cannot_be_written_leaves_the_old_one(fitted, tmp_path):
    resource = pytest.importorskip("resource")
    output = tmp_path / "map.nii"
    output.write_bytes(b"old")
    term = load_model(fitted.folder).terms_[0]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))  # as on a disk that is full
    try:
        told = fail("encode", term, "-o", output, "-m", fitted.folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert f"{output}: could not be written" in told
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"map.nii": b"old"}


def test_predicted_maps_come_with_the_names_of_their_clusters(tmp_path):
    output = tmp_path / "fear.nii.gz"
    told = json.loads(succeed("encode", "fear", "-o", output, "--kind", "z", "--json").stdout)
    assert told["highest_in"] == "left amygdala"
    expected = cluster_table(output, told["cluster_threshold"], k=10)
    assert [row["peak_name"] for row in told["clusters"]] == expected["peak_name"].tolist()
    assert {"left amygdala", "right amygdala"} <= set(expected["peak_name"])
    piped = succeed("encode", "fear", "-o", output, "--kind", "z").stdout.splitlines()
    assert f"clusters: {len(expected)}" in piped
    assert piped[-len(expected) - 1].split("\t") == expected.columns.tolist()
    # A place that is not within its label is near it.
    finer = "--kind", "z", "--resolution", 2
    piped = succeed("encode", "reward anticipation", "-o", output, *finer).stdout.splitlines()
    assert "highest at mm: 14, 10, -4" in piped
    assert "highest in: near right putamen" in piped
    # Of a standard deviation there are none.
    assert "cluster" not in succeed("encode", "fear", "-o", output, "--kind", "std").stdout
    nothing = succeed("encode", "schizophrenia", "-o", output, "--kind", "z").stdout
    assert nothing.splitlines()[-1] == "clusters: 0"


def test_clusters_of_a_map_are_those_of_python():
    options = "--threshold", 4, "--two-sided", "--min-volume", 0.2, "--subpeaks", "-k", 4
    found = json.loads(succeed("clusters", MOTOR_MAP, *options, "--json").stdout)
    expected = cluster_table(MOTOR_MAP, 4, two_sided=True, min_volume=0.2, subpeaks=True, k=4)
    assert [row["cluster"] for row in found] == expected["cluster"].tolist()
    assert [row["peak_name"] for row in found] == expected["peak_name"].tolist()
    assert found[1]["volume"] is None  # of a further peak
    lines = succeed("clusters", MOTOR_MAP, *options).stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["cluster", *expected["cluster"]]


def test_clusters_of_p_values_are_those_of_z(tmp_path):
    z = nibabel.load(MOTOR_MAP).get_fdata()
    path = tmp_path / "p.nii"
    nibabel.Nifti1Image(norm.sf(z), nibabel.load(MOTOR_MAP).affine).to_filename(path)
    arguments = "--threshold", 4, "-k", 2, "--json"
    found = json.loads(succeed("clusters", path, "--p-values", *arguments).stdout)
    expected = json.loads(succeed("clusters", MOTOR_MAP, *arguments).stdout)
    assert [row["volume"] for row in found] == [row["volume"] for row in expected]


def test_own_terms_are_ranked_and_what_is_no_number_is_null():
    arguments = "decode", MOTOR_MAP, "--threshold", 3, "--json"
    result = succeed(*arguments, "--term", "hand", "--term", "reward", "--term", "qwxzzy")
    ranking = json.loads(result.stdout)
    assert [row["term"] for row in ranking] == ["hand", "reward", "qwxzzy"]
    assert ranking[2]["score"] is None
    assert "warning: " in result.stderr


def test_no_more_terms_are_ranked_than_there_are(fitted):
    arguments = "decode", MOTOR_MAP, "-m", fitted.folder, "--json"
    ranking = json.loads(succeed(*arguments, "-k", 100_000).stdout)
    assert len(ranking) == fitted.told["terms"]
    ranking = json.loads(succeed(*arguments, "-k", 100, "--term", ranking[3]["term"]).stdout)
    assert len(ranking) == 1


def test_a_threshold_takes_lower_values_as_zero(fitted, tmp_path):
    image = nibabel.load(MOTOR_MAP)
    values = image.get_fdata()
    by_hand = nibabel.Nifti1Image(np.where(values < 3, 0, values), image.affine)
    by_hand.to_filename(tmp_path / "by_hand.nii.gz")
    model = "-m", fitted.folder, "--json"
    for command in ("decode", "search"):
        whole = succeed(command, MOTOR_MAP, *model).stdout
        above = succeed(command, MOTOR_MAP, "--threshold", 3, *model).stdout
        assert above == succeed(command, tmp_path / "by_hand.nii.gz", *model).stdout
        assert above != whole


def test_studies_are_found_by_text_and_by_map():
    found = json.loads(succeed("search", "n-back working memory", "-k", 3, "--json").stdout)
    encoder, decoder = load_pretrained()
    expected = encoder.retrieve(["n-back working memory"], k=3)
    assert [row["id"] for row in found] == expected["id"].tolist()
    result = succeed("search", MOTOR_MAP, "-k", 3, "--by", "brain", "--json")
    expected = decoder.retrieve(MOTOR_MAP, k=3, by="brain")
    assert [row["id"] for row in json.loads(result.stdout)] == expected["id"].tolist()


def test_texts_are_compared_with_texts_if_asked(fitted):
    encoder = load_model(fitted.folder)
    query = " ".join(encoder.terms_[:2])
    arguments = "search", query, "-m", fitted.folder, "-k", 10_000, "--json"
    for by in ("text", "brain", "both"):
        found = json.loads(succeed(*arguments, "--by", by).stdout)
        assert [row["id"] for row in found] == encoder.retrieve([query], k=120, by=by)[
            "id"
        ].tolist()
    # By default with both.
    assert json.loads(succeed(*arguments).stdout) == found


def test_several_maps_are_numbered_and_one_is_not(fitted, tmp_path):
    image = nibabel.load(MOTOR_MAP)
    both = np.stack([image.get_fdata(), np.flip(image.get_fdata(), 1)], axis=-1)
    nibabel.Nifti1Image(both, image.affine).to_filename(tmp_path / "both.nii")
    for command, number in (("decode", "map"), ("search", "query")):
        options = "-m", fitted.folder, "-k", 2
        lines = succeed(command, tmp_path / "both.nii", *options).stdout.splitlines()
        header, *rows = [line.split("\t") for line in lines]
        assert [row[header.index(number)] for row in rows] == ["0", "0", "1", "1"]
        assert number not in succeed(command, MOTOR_MAP, *options).stdout.splitlines()[0].split(
            "\t"
        )


def test_results_look_as_fits_where_they_go(fitted, terminal):
    query = load_model(fitted.folder).terms_[0]
    arguments = "search", query, "-m", fitted.folder, "-k", 3
    piped = terminal(*arguments, watched=())
    shown = terminal(*arguments, columns=300)
    table = [line.split("\t") for line in piped.stdout.splitlines()]
    assert table[0][:2] == ["rank", "id"]
    assert [row[0] for row in table[1:]] == ["1", "2", "3"]
    # The same words, in columns and, for the header, in bold.
    assert [line.split() for line in screen(shown.stdout)[:-1]] == [
        " ".join(row).split() for row in table
    ]
    assert "\x1b[1m" in shown.stdout
    assert "\x1b" not in piped.stdout
    # JSON is for programs, wherever it goes.
    assert (
        terminal(*arguments, "--json").stdout == terminal(*arguments, "--json", watched=()).stdout
    )
    assert piped.stderr == shown.stderr == ""


def test_files_that_are_no_maps_are_refused_in_one_line(tmp_path):
    surface = tmp_path / "task.func.gii"
    array = nibabel.gifti.GiftiDataArray(np.ones(10, np.float32))
    nibabel.gifti.GiftiImage(darrays=[array]).to_filename(surface)
    for command in ("decode", "search"):
        assert "a surface, and a map is a volume" in fail(command, surface)
    # A file is a file, whatever is asked for, and never a text.
    abstract = tmp_path / "abstract.txt"
    abstract.write_text("working memory")
    assert "a table or text" in fail("search", abstract)
    for command, output in (("encode", "map.nii"), ("report", "page.html")):
        for text in (abstract, surface, "absent.nii.gz"):
            told = fail(command, text, "-o", tmp_path / output)
            assert "is a file, and a text is expected" in told
    for name in ("absent.nii.gz", "absent.mgz", "absent+tlrc.HEAD", "ABSENT.NII"):
        assert "no such file" in fail("search", tmp_path / name)


def test_a_text_is_a_text_though_a_folder_or_file_has_its_name(fitted, tmp_path, monkeypatch):
    term = load_model(fitted.folder).terms_[0]
    monkeypatch.chdir(tmp_path)
    (tmp_path / term).mkdir()
    arguments = "search", term, "-m", fitted.folder, "--json"
    found = succeed(*arguments).stdout
    (tmp_path / term).rmdir()
    (tmp_path / term).write_text("notes")
    assert succeed(*arguments).stdout == found


def test_maps_of_other_software_are_searched_and_decoded(fitted, tmp_path):
    image = nibabel.load(MOTOR_MAP)
    values = np.asarray(image.dataobj, dtype=np.float32)
    nibabel.MGHImage(values, image.affine).to_filename(tmp_path / "motor.mgz")
    for command in ("decode", "search"):
        options = "-m", fitted.folder, "--threshold", 2, "--json"
        expected = json.loads(succeed(command, MOTOR_MAP, *options).stdout)
        found = json.loads(succeed(command, tmp_path / "motor.mgz", *options).stdout)
        name = "term" if command == "decode" else "id"
        assert [row[name] for row in found] == [row[name] for row in expected]


def test_sub_bricks_of_afni_are_shown_with_their_labels(fitted, tmp_path):
    image = nibabel.load(MOTOR_MAP)
    values = np.asarray(image.dataobj, dtype=np.float32)
    both = np.stack([values, values[:, ::-1]], axis=-1)
    options = {"space": "MNI", "labels": ["hand#0_Coef", "hand#0_Tstat"]}
    path = write_afni(tmp_path, "stats+tlrc", both, image.affine, **options)
    for command in ("decode", "search"):
        rows = json.loads(succeed(command, path, "-m", fitted.folder, "-k", 1, "--json").stdout)
        assert [row["label"] for row in rows] == options["labels"]


def test_p_values_are_refused_and_converted_on_request(fitted, tmp_path):
    image = nibabel.load(MOTOR_MAP)
    p = nibabel.Nifti1Image(norm.sf(image.get_fdata()), image.affine)
    p.header.set_intent("p value")
    p.to_filename(tmp_path / "p.nii.gz")
    for command in ("decode", "search"):
        options = "-m", fitted.folder, "--json", "-k", 3
        assert "--p-values" in fail(command, tmp_path / "p.nii.gz", *options)
        found = json.loads(succeed(command, tmp_path / "p.nii.gz", "--p-values", *options).stdout)
        expected = json.loads(succeed(command, MOTOR_MAP, *options).stdout)
        name = "term" if command == "decode" else "id"
        assert [row[name] for row in found] == [row[name] for row in expected]


def test_the_negative_side_is_that_of_the_map_with_its_sign_changed(fitted, tmp_path):
    motor = nibabel.load(MOTOR_MAP)
    nibabel.Nifti1Image(-motor.get_fdata(dtype=np.float32), motor.affine).to_filename(
        tmp_path / "changed.nii.gz"
    )
    options = "-m", fitted.folder, "--json"
    for command in ("decode", "search"):
        for threshold in ((), ("--threshold", 2)):
            more = *threshold, *options
            found = succeed(command, MOTOR_MAP, "--negative", *more).stdout
            assert found == succeed(command, tmp_path / "changed.nii.gz", *more).stdout
            assert found != succeed(command, MOTOR_MAP, *more).stdout
    refused = mnm("search", "finger tapping", "--negative", *options)
    assert "--negative is for maps, but the query is a text" in " ".join(refused.output.split())


def test_a_threshold_leaves_what_the_header_says(fitted, tmp_path):
    image = nibabel.load(MOTOR_MAP)
    image.set_sform(image.affine, "talairach")
    image.to_filename(tmp_path / "map.nii.gz")
    told = succeed("decode", tmp_path / "map.nii.gz", "--threshold", 2, "-m", fitted.folder).stderr
    assert "map.nii.gz: its header says Talairach" in told


def test_a_text_needs_no_quotes(tmp_path):
    for command in (["search"], ["walk"], ["ancestors"]):
        quoted = succeed(*command, "reward anticipation", "--json").stdout
        assert succeed(*command, "reward", "anticipation", "--json").stdout == quoted
    told = json.loads(
        succeed("encode", "finger", "tapping", "-o", tmp_path / "map.nii.gz", "--json").stdout
    )
    assert "finger tapping" in told["known_terms"]
    assert json.loads(succeed("descendants", "working", "memory", "--json").stdout)
