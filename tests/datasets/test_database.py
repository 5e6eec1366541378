import gzip
import pickle
import shutil
import time

import numpy as np
import pytest
from scipy import sparse

from sklearn_mnm.datasets import load_database, talairach_to_mni152
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError

PREFIX = "data-toy_version-1_"
METADATA = PREFIX + "metadata.tsv.gz"
COORDINATES = PREFIX + "coordinates.tsv.gz"
TITLE = PREFIX + "vocab-words_source-title_type-count_features.npz"
VOCABULARY = PREFIX + "vocab-words_vocabulary.txt"


def edit(path, old, new):
    """Replace text in a gzipped table."""
    text = gzip.decompress(path.read_bytes()).decode()
    assert old in text
    path.write_bytes(gzip.compress(text.replace(old, new).encode()))


def test_toy_release_is_read_in_the_order_of_its_metadata(toy_release):
    studies = load_database(toy_release)
    assert studies.ids.tolist() == ["11", "22", "33"]
    assert studies.titles.tolist() == ["pain\nheat", "memory", "NA"]
    assert studies.peaks["x"].tolist() == [1.0, 1.5, 2.0, 3.0]
    assert studies.peaks["table_id"].tolist() == ["T1", "T1", "T2", "T3"]
    assert studies.vocabulary.tolist() == ["pain", "memory"]
    assert studies.texts is None


@pytest.mark.parametrize(
    ("sources", "factor"),
    [
        (None, 4.0),
        ("title", 1.0),
        (["abstract"], 3.0),
        (["title", "abstract"], 4.0),
        ({"title": 2.0, "abstract": 0.5}, 3.5),
    ],
)
def test_counts_are_the_weighted_sum_of_the_sources(toy_release, sources, factor):
    counts = load_database(toy_release, sources=sources).counts.toarray()
    np.testing.assert_array_equal(counts, factor * np.array([[1, 0], [0, 1], [1, 1]]))


def test_title_and_abstract_make_the_text(toy_release):
    edit(toy_release / METADATA, "title\n", "title\tabstract\n")
    edit(toy_release / METADATA, "22\tmemory\n", "22\tmemory\tWe remember.\n")
    edit(toy_release / METADATA, "33\tNA\n", "33\tNA\t\n")
    edit(toy_release / METADATA, 'heat"\n', 'heat"\tIt hurts.\n')
    texts = load_database(toy_release).texts
    assert texts.tolist() == ["pain\nheat\nIt hurts.", "memory\nWe remember.", "NA"]


def test_talairach_studies_are_converted_and_counted(toy_release):
    edit(toy_release / METADATA, "title\n", "title\tspace\n")
    edit(toy_release / METADATA, "22\tmemory\n", "22\tmemory\tTAL\n")
    edit(toy_release / METADATA, "33\tNA\n", "33\tNA\tUNKNOWN\n")
    edit(toy_release / METADATA, 'heat"\n', 'heat"\tMNI\n')
    with pytest.warns(DataWarning, match=r"1 peaks converted.*1 peaks of unknown space") as record:
        studies = load_database(toy_release)
    assert len(record) == 1
    found = studies.peaks[["x", "y", "z"]].to_numpy()
    np.testing.assert_allclose(found[2], talairach_to_mni152(np.array([[2.0, 0, 0]]))[0])
    np.testing.assert_array_equal(found[[0, 1, 3], 0], [1.0, 1.5, 3.0])
    assert studies.peaks["reported_space"].tolist() == ["MNI", "MNI", "TAL", "UNKNOWN"]


def test_studies_without_peaks_or_text_are_kept_with_one_warning(toy_release):
    edit(toy_release / COORDINATES, "22\t2.0", "11\t2.0")
    empty = sparse.csr_matrix(np.array([[0.0, 0], [0, 0], [1, 0]]))
    sparse.save_npz(toy_release / TITLE, empty)
    with pytest.warns(DataWarning) as record:
        studies = load_database(toy_release, sources="title")
    assert len(record) == 1
    assert "1 of 3 studies have no peaks and 2 have no text" in str(record[0].message)
    assert studies.peak_counts.tolist() == [3, 0, 1]


def test_without_features_there_are_no_counts(toy_release):
    for path in toy_release.glob("*.npz"):
        path.unlink()
    assert load_database(toy_release).counts is None
    with pytest.raises(InvalidInputError, match=r"sources: .* no file '\*_features.npz'"):
        load_database(toy_release, sources="title")


@pytest.mark.parametrize(
    ("argument", "old", "new"),
    [
        ("database", "data-toy", "data-other"),
        ("version", "version-1", "version-2"),
        ("vocabulary", "vocab-words", "vocab-terms"),
        ("feature_type", "type-count", "type-tfidf"),
    ],
)
def test_several_possibilities_are_listed_and_can_be_chosen(toy_release, argument, old, new):
    for path in list(toy_release.iterdir()):
        copy = toy_release / path.name.replace(old, new)
        if not copy.exists():
            shutil.copy(path, copy)
    first, second = old.split("-")[1], new.split("-")[1]
    with pytest.raises(InvalidInputError, match=f"several possibilities for {argument}") as error:
        load_database(toy_release)
    assert repr(first) in str(error.value)
    assert repr(second) in str(error.value)
    assert len(load_database(toy_release, **{argument: second})) == 3
    with pytest.raises(InvalidInputError, match=f"{argument}='none'"):
        load_database(toy_release, **{argument: "none"})


@pytest.mark.parametrize("sources", ["body", ["title", "body"], {"body": 1.0}, []])
def test_unknown_sources_are_refused_with_those_available(toy_release, sources):
    with pytest.raises(InvalidInputError, match=r"\['abstract', 'title'\]"):
        load_database(toy_release, sources=sources)


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_weights_must_be_finite_and_not_negative(toy_release, weight):
    with pytest.raises(InvalidInputError, match="weight of 'title'"):
        load_database(toy_release, sources={"title": weight})


# One fault at a time. The first title spans lines 2 and 3, so study 22 stands on line 4.
TABLE_FAULTS = [
    (COORDINATES, "22\t2.0", "22\tleft", r"line 4 \(id 22\) has 'left' as coordinate x"),
    (COORDINATES, "22\t2.0", "22\t", r"line 4 \(id 22\) has an empty field as coordinate x"),
    (COORDINATES, "22\t2.0", "22\tinf", r"line 4 \(id 22\) has 'inf' as coordinate x"),
    (COORDINATES, "22\t2.0", "22\tnan", r"line 4 \(id 22\) has 'nan' as coordinate x"),
    (COORDINATES, "22\t2.0", "99\t2.0", r"line 4 has a peak of study 99, .*metadata.tsv.gz does"),
    (COORDINATES, "\tz\t", "\tZ\t", r"missing column\(s\) \['z'\] in line 1"),
    (COORDINATES, "T3\n", "T3\tsurplus\n", "line 2 has 6 fields but line 1 names 5"),
    (COORDINATES, "T2\n", "T2\tsurplus\n", "line 4 has 6 fields but line 1 names 5"),
    (METADATA, "33\t", "22\t", "id 22 occurs in lines 4 and 5"),
    (METADATA, "22\t", "\t", "line 4 has no id"),
    (METADATA, "title", "name", r"missing column\(s\) \['title'\]"),
]


@pytest.mark.parametrize(("name", "old", "new", "message"), TABLE_FAULTS)
def test_faults_in_tables_name_file_and_line(toy_release, name, old, new, message):
    edit(toy_release / name, old, new)
    with pytest.raises(DataFormatError, match=message) as error:
        load_database(toy_release)
    assert str(toy_release / name) in str(error.value)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-12])


def scramble(path):
    content = bytearray(path.read_bytes())
    content[12:40] = bytes(28)
    path.write_bytes(bytes(content))


def plain_text(path):
    path.write_text("id\ttitle\n")


def pickled(path):
    path.write_bytes(pickle.dumps({"data": [1, 2]}))


def object_array(path):
    np.savez(path, data=np.array([{}], dtype=object), format="csr", shape=(3, 2), indptr=[0])


def dense_array(path):
    np.savez(path, data=np.ones((3, 2)))


def too_few_rows(path):
    sparse.save_npz(path, sparse.csr_matrix(np.ones((2, 2))))


def too_many_columns(path):
    sparse.save_npz(path, sparse.csr_matrix(np.ones((3, 3))))


def index_out_of_range(path):
    matrix = sparse.csr_matrix(np.eye(3, 2))
    matrix.indices[0] = 7
    sparse.save_npz(path, matrix)


def not_finite(path):
    sparse.save_npz(path, sparse.csr_matrix(np.array([[1.0, 0], [0, np.nan], [1, 0]])))


def empty(path):
    path.write_bytes(b"")


def empty_gzip(path):
    path.write_bytes(gzip.compress(b""))


def not_utf8(path):
    path.write_bytes(gzip.compress("id\ttitle\n1\tcaf\xe9\n".encode("latin-1")))


def blank_line(path):
    path.write_text("pain\n\n")


def repeated_term(path):
    path.write_text("pain\npain\n")


GZIP_FAULTS = [truncate, scramble, plain_text]
NPZ_FAULTS = [
    *(truncate, scramble, plain_text, empty, pickled, object_array, dense_array),
    index_out_of_range,
]
FILE_FAULTS = [
    *[(METADATA, fault, "cannot be decompressed") for fault in GZIP_FAULTS],
    *[(COORDINATES, fault, "cannot be decompressed") for fault in GZIP_FAULTS],
    *[(TITLE, fault, "not a sparse matrix") for fault in NPZ_FAULTS],
    (METADATA, empty, "cannot be decompressed|is empty"),
    (METADATA, empty_gzip, "is empty"),
    (METADATA, not_utf8, "is not a table in UTF-8"),
    (TITLE, too_few_rows, "has 2 rows but .*metadata.tsv.gz lists 3 studies"),
    (TITLE, too_many_columns, "has 3 columns but .*vocabulary.txt lists 2 terms"),
    (TITLE, not_finite, "row 1 .* not finite"),
    (VOCABULARY, blank_line, "line 2 is blank"),
    (VOCABULARY, repeated_term, "lines 1 and 2 are both 'pain'"),
]


@pytest.mark.parametrize(("name", "fault", "message"), FILE_FAULTS)
def test_damaged_files_are_named(toy_release, name, fault, message):
    fault(toy_release / name)
    with pytest.raises(DataFormatError, match=message) as error:
        load_database(toy_release)
    assert str(toy_release / name) in str(error.value)


def test_pickled_objects_are_never_executed(toy_release, tmp_path):
    witness = tmp_path / "executed"

    class Harmful:
        def __reduce__(self):
            return (witness.touch, ())

    np.savez(toy_release / TITLE, data=np.array([Harmful()], dtype=object), format=b"csr")
    with pytest.raises(DataFormatError, match="pickled"):
        load_database(toy_release)
    assert not witness.exists()


@pytest.mark.parametrize("name", [METADATA, COORDINATES, VOCABULARY])
def test_a_missing_file_is_named(toy_release, name):
    (toy_release / name).unlink()
    with pytest.raises(DataFormatError, match=f"{name}: not found"):
        load_database(toy_release)


def test_neuroquery_loads_whole_and_quickly(real_data):
    start = time.perf_counter()
    studies = load_database(real_data / "neuroquery")
    assert time.perf_counter() - start < 10  # 0.7 s on one idle core
    assert len(studies) == 12_000
    assert len(studies.peaks) == 420_289
    assert studies.counts.shape == (12_000, 7547)
    assert (studies.peak_counts > 0).all()
    assert studies.counts[:, studies.vocabulary == "pain"].sum() > 1000
    assert studies.peaks["id"].to_numpy()[[0, -1]].tolist() == studies.ids[[0, -1]].tolist()


def test_neurosynth_sample_loads_with_its_spaces(real_data):
    with pytest.warns(DataWarning, match="peaks converted from Talairach"):
        studies = load_database(real_data / "neurosynth_sample")
    assert len(studies) == 500
    assert studies.counts.shape == (500, 50)
    assert set(studies.peaks["space"]) == {"MNI152"}
    assert set(studies.peaks["reported_space"]) == {"MNI", "TAL", "UNKNOWN"}
    assert {"doi", "authors", "year", "journal"} <= set(studies.metadata.columns)


def test_unpacked_tables_are_read_and_signs_of_typesetters_taken(toy_release):
    expected = load_database(toy_release)
    for path in list(toy_release.glob("*.tsv.gz")):
        text = gzip.decompress(path.read_bytes()).decode()
        path.with_suffix("").write_text(text.replace("\t1.5\t", "\t\N{MINUS SIGN}1.5\t"))
        path.unlink()
    studies = load_database(toy_release)
    assert studies.ids.tolist() == expected.ids.tolist()
    assert sorted(studies.peaks["x"]) == [-1.5, 1, 2, 3]
