"""The command mnm: real models and data, in this process and in ones of its own."""

import importlib
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import nibabel
import nilearn
import numpy as np
import pytest

from sklearn_mnm import load_model, load_pretrained
from sklearn_mnm.datasets import make_literature, save_sleuth
from sklearn_mnm.exceptions import DataFormatError, DataWarning

typer = pytest.importorskip("typer")
app = importlib.import_module("sklearn_mnm.cli._app").app
CliRunner = importlib.import_module("typer.testing").CliRunner

MOTOR_MAP = Path(nilearn.__file__).parent / "datasets" / "data" / "image_10426.nii.gz"
COMMANDS = ["encode", "decode", "search", "fit", "evaluate", "report", "info", "fetch"]
HEAVY = ["geoopt", "nibabel", "nilearn", "numpy", "pandas", "pooch", "scipy", "sklearn", "torch"]
RUN = "from sklearn_mnm.cli import main; main()"
TIMED_HELP = """
import json, sys, time
sys.argv = ["mnm", "--help"]
start = time.perf_counter()
from sklearn_mnm.cli import main
try:
    main()
except SystemExit as end:
    code = end.code
print(json.dumps([time.perf_counter() - start, code, sorted(sys.modules)]), file=sys.stderr)
"""


def mnm(*arguments):
    """Run in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def succeed(*arguments):
    result = mnm(*arguments)
    assert result.exit_code == 0, result.output
    return result


def python(code, *arguments, **environment):
    """Run in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )


@pytest.fixture
def corpus(tmp_path):
    """A Sleuth file of 120 generated studies."""
    tree = {"n_domains": 2, "n_tasks_per_domain": 2, "n_contrasts_per_task": 2}
    studies = make_literature(120, **tree, n_terms=60, random_state=0).studies
    texts = [" ".join(studies.vocabulary[row.indices]) for row in studies.counts]
    studies.metadata["contrast"] = texts
    path = tmp_path / "foci.txt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        save_sleuth(studies, path, sample_size=20)
    return path


def test_help_starts_fast_and_without_heavy_packages():
    runs = [python(TIMED_HELP) for _ in range(3)]
    seconds, codes, modules = zip(*(json.loads(run.stderr) for run in runs), strict=True)
    assert codes == (0, 0, 0)
    assert set(modules[0]).isdisjoint(HEAVY)
    # The best of three, since other processes may hold one of them up.
    assert min(seconds) < 1
    assert all(command in runs[0].stdout for command in COMMANDS)


def test_the_script_is_installed_under_its_name():
    try:
        scripts = importlib.metadata.distribution("sklearn-mnm").entry_points
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package is imported from its folder without having been installed")
    found = {script.name: script.value for script in scripts if script.group == "console_scripts"}
    assert found == {"mnm": "sklearn_mnm.cli:main"}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command):
    output = succeed(command, "--help").output
    assert f"mnm {command} " in output
    assert "--json" in output


def examples():
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        for example in command.epilog.split("\n\n")[1:]:
            yield pytest.param(name, example, id=example)


@pytest.mark.parametrize(("command", "example"), list(examples()))
def test_the_examples_of_the_help_are_well_formed(command, example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(example)
    assert words[:2] == ["mnm", command]
    for word in words:
        if word.endswith((".txt", ".csv", ".json")):
            Path(word).touch()
    group = typer.main.get_command(app)
    # Reads the arguments as a call does, without doing anything.
    group.commands[command].make_context(command, words[2:])


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


def test_options_of_maps_reach_the_model(tmp_path):
    output = tmp_path / "map.nii"
    succeed("encode", "pain", "-o", output, "--kind", "z", "--level", "ward7", "--resolution", 8)
    encoder, _ = load_pretrained()
    expected = encoder.predict_img(["pain"], kind="z", level="ward7", resolution=8)
    np.testing.assert_allclose(
        nibabel.load(output).get_fdata(), expected.get_fdata(), rtol=1e-5, atol=1e-9
    )


def test_own_terms_are_ranked_and_what_is_no_number_is_null():
    arguments = "decode", MOTOR_MAP, "--threshold", 3, "--json"
    result = succeed(*arguments, "--term", "hand", "--term", "reward", "--term", "qwxzzy")
    ranking = json.loads(result.stdout)
    assert [row["term"] for row in ranking] == ["hand", "reward", "qwxzzy"]
    assert ranking[2]["score"] is None
    assert "warning: " in result.stderr


def test_studies_are_found_by_text_and_by_map():
    found = json.loads(succeed("search", "n-back working memory", "-k", 3, "--json").stdout)
    encoder, decoder = load_pretrained()
    expected = encoder.retrieve(["n-back working memory"], k=3)
    assert [row["id"] for row in found] == expected["id"].tolist()
    result = succeed("search", MOTOR_MAP, "-k", 3, "--by", "brain", "--json")
    expected = decoder.retrieve(MOTOR_MAP, k=3, by="brain")
    assert [row["id"] for row in json.loads(result.stdout)] == expected["id"].tolist()


def test_tables_are_tab_separated_where_nobody_looks():
    lines = succeed("search", "pain", "-k", 2).stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["rank", "1", "2"]


def test_a_model_is_fitted_told_about_measured_and_asked(corpus, tmp_path):
    model = tmp_path / "model"
    options = "--n-regions", 20, "--n-components", 8, "--level", "study"
    told = json.loads(succeed("fit", corpus, "-o", model, *options, "--json").stdout)
    encoder = load_model(model)
    assert (told["regions"], told["dimensions"], told["studies"]) == (20, 8, 120)
    assert told["regions"] == encoder.n_regions_
    assert "regions: 20" in succeed("info", model).stdout

    again = mnm("fit", corpus, "-o", model)
    assert again.exit_code == 1
    assert "exists; give another name or --overwrite" in again.stderr

    seen = mnm("evaluate", corpus, "--model", model, "--level", "study")
    assert seen.exit_code == 1
    assert "--seen" in seen.stderr
    options = "--level", "study", "--seen", "--json"
    measured = json.loads(succeed("evaluate", corpus, "-m", model, *options).stdout)
    assert measured["studies"] == 120
    assert measured["text_to_brain"]["R@10"] > 2 * measured["chance"]["R@10"]
    assert measured["map_correlation"] > 0
    # Studies of the fit are left out of those that are measured.
    lines = corpus.read_text(encoding="utf-8").splitlines()
    half = len(lines) // 2
    renamed = [re.sub("^// (?!Subj|Ref)", "// new ", line) for line in lines[half:]]
    corpus.write_text("\n".join(lines[:half] + renamed), encoding="utf-8")
    result = succeed("evaluate", corpus, "-m", model, "--level", "study", "--json")
    assert "are left out: the model was fitted to them" in result.stderr
    assert 50 < json.loads(result.stdout)["studies"] < 70


def test_info_tells_about_package_model_and_studies(corpus):
    package = json.loads(succeed("info", "--json").stdout)
    assert package["sklearn-mnm"] == importlib.metadata.version("sklearn-mnm")
    model = json.loads(succeed("info", "neuroquery", "--json").stdout)
    assert model["studies"] == 12000
    assert model["levels"] == ["region", "ward17", "ward7", "brain"]
    studies = json.loads(succeed("info", corpus, "--json").stdout)
    assert studies["studies"] == 120
    assert studies["columns"][:2] == ["id", "study_id"]


def test_a_database_is_fetched_from_a_mirror(real_data, tmp_path):
    mirror = (real_data / "neuroquery").as_uri()
    arguments = "fetch", "neuroquery", "--data-dir", tmp_path, "--json"
    told = json.loads(succeed(*arguments, "--mirror", mirror).stdout)
    assert told["folder"] == str(tmp_path / "neuroquery")
    assert (told["studies"], told["terms"]) == (12000, 7547)
    assert json.loads(succeed(*arguments, "--mirror", "http://127.0.0.1:9").stdout) == told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["decode", "absent.nii.gz"], "absent.nii.gz: cannot be read as an image"),
        (["decode", MOTOR_MAP, "-m", "nowhere"], "there is no folder 'nowhere'"),
        (["decode", MOTOR_MAP, "--level", "lobe"], "level='lobe'"),
        (["decode", MOTOR_MAP, "--threshold", "-1"], "threshold=-1.0"),
        (["encode", "qwxzzy", "-o", "map.nii"], "nothing to predict from"),
        (["encode", "pain", "-o", "no/such/folder/map.nii"], "No such file or directory"),
        (["info", "absent.csv"], "there is no such file"),
        (["fetch", "neuroquery", "--mirror", "ftp://x"], "mirror='ftp://x'"),
        (["fetch", "neurosynth", "--mirror", "file:///nowhere/"], "SKLEARN_MNM_MIRROR"),
    ],
)
def test_failures_are_one_line_and_exit_with_1(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKLEARN_MNM_CACHE", str(tmp_path))
    result = mnm(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    (error,) = [line for line in result.stderr.splitlines() if not line.startswith("warning: ")]
    assert error.startswith("error: ")
    assert message in error


@pytest.mark.parametrize(
    "arguments",
    [
        ["decode"],
        ["bogus"],
        ["encode", "pain"],
        ["encode", "pain", "-o", "map.txt"],
        ["encode", "pain", "-o", "map.nii", "--kind", "colour"],
        ["decode", MOTOR_MAP, "-k", "0"],
        ["fit", "absent.txt", "-o", "model"],
        ["search", "pain", "--threshold", "3"],
        ["fetch", "brainmap"],
    ],
)
def test_wrong_usage_exits_with_2(arguments):
    result = mnm(*arguments)
    assert result.exit_code == 2
    assert "Usage" in result.stderr


def test_debug_shows_where_errors_come_from():
    result = mnm("--debug", "decode", "absent.nii.gz")
    assert isinstance(result.exception, DataFormatError)


def test_a_process_of_its_own_exits_and_writes_as_told(tmp_path):
    failed = python(RUN, "decode", tmp_path / "absent.nii.gz")
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: ")
    assert failed.stderr.count("\n") == 1
    debugged = python(RUN, "--debug", "decode", tmp_path / "absent.nii.gz")
    assert debugged.returncode == 1
    assert "Traceback" in debugged.stderr
    assert "DataFormatError" in debugged.stderr
    assert python(RUN, "bogus").returncode == 2
    version = python(RUN, "--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert re.fullmatch(r"\d+\.\d+\.\S+\n", version.stdout)


def test_json_stays_clean_where_there_are_warnings(tmp_path):
    path = tmp_path / "peaks.csv"
    path.write_text("id,x,y,z,title,space\n1,1,2,3,pain,TAL\n2,1,2,3,memory,MNI\n")
    result = python(RUN, "evaluate", path, "-m", "neuroquery", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["studies"] == 2
    assert f"read from {path}" in result.stderr
    assert all(line.startswith("warning: ") for line in result.stderr.splitlines())


def test_without_typer_the_remedy_is_named():
    result = python(f"import sys; sys.modules['typer'] = None; {RUN}")
    assert result.returncode == 1
    assert "pip install 'sklearn-mnm[cli]'" in result.stderr


def test_shells_complete_commands_and_models():
    script = Path(sys.executable).with_name("mnm")
    if shutil.which(script) is None:
        pytest.skip("the script is not installed beside the interpreter")

    def completions(words):
        request = {"_MNM_COMPLETE": "complete_bash", "COMP_WORDS": words}
        request["COMP_CWORD"] = str(len(words.split(" ")) - 1)
        result = subprocess.run(
            [script], env=os.environ | request, capture_output=True, text=True, check=True
        )
        return result.stdout.split()

    assert completions("mnm de") == ["decode"]
    assert completions("mnm decode x.nii --model ne") == ["neuroquery"]
