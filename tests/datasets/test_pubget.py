import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_mnm.datasets import load_pubget, load_studies, talairach_to_mni152
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError

SUBSET = "subset_articlesWithCoords"


@pytest.fixture
def query(tmp_path):
    """A folder as pubget 0.0.9 leaves it, with three articles; one has no text and no peaks."""
    folder = tmp_path / "query_3c0556e22a59e7d200f00ac8219dfd6c"
    data = folder / f"{SUBSET}_extractedData"
    data.mkdir(parents=True)
    tables = {
        "metadata": [
            "pmcid,pmid,doi,title,journal,publication_year,license",
            '9053985,35256398,10.1/a,"Pain, heat",CMAJ,2022,by',
            "9056525,,,Memory,,2021,",
            "9054084,1,,,,,",
        ],
        "authors": [
            "pmcid,surname,given-names",
            "9053985,Chow,Jacky C.K.",
            "9053985,Koles,",
            "9056525,Bois,Aaron",
        ],
        "text": [
            "pmcid,title,keywords,abstract,body",
            # Not in the order of the metadata.
            "9056525,Memory,fmri,We remember.,Long body.",
            '9053985,"Pain, heat",,It hurts.,',
        ],
        "coordinates": [
            "pmcid,table_id,table_label,x,y,z",
            "9056525,t1,Table 1,10,20,30",
            "9053985,t1,,1,2,3",
            "9053985,t1,,4,5,6",
        ],
        "coordinate_space": ["pmcid,coordinate_space", "9053985,MNI", "9056525,TAL"],
        "links": [
            "pmcid,ext-link-type,href",
            "9053985,uri,https://neurovault.org/collections/1",
            "9053985,doi,https://doi.org/10.1/a",
        ],
    }
    for name, lines in tables.items():
        (data / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    vectors = folder / f"{SUBSET}-voc_e6f7a7e9c6ebc4fb81118ccabfee8bd7_vectorizedText"
    vectors.mkdir()
    (vectors / "pmcid.txt").write_text("9056525\n9053985\n")
    (vectors / "feature_names.csv").write_text("pain,0.5\nworking memory,0.5\nnull,0.1\n")
    counts = {"title": [[0, 1, 0], [1, 0, 0]], "keywords": [[0, 0, 5], [0, 0, 0]]}
    counts |= {"abstract": [[0, 2, 0], [3, 0, 0]], "body": [[7, 7, 7], [7, 7, 7]]}
    for part, values in counts.items():
        sparse.save_npz(vectors / f"{part}_counts.npz", sparse.csr_matrix(np.array(values)))
    return folder


def test_all_files_come_together_by_article(query):
    with pytest.warns(
        DataWarning,
        match=r"^1 peaks converted from Talairach to MNI152; 1 of 3 studies have no peaks and 1 "
        r"have no text; all are kept \(read from .*query_3c0556e22a59e7d200f00ac8219dfd6c\)\.$",
    ):
        studies = load_pubget(query)
    assert studies.ids.tolist() == ["9053985", "9056525", "9054084"]
    assert studies.texts.tolist() == ["Pain, heat\nIt hurts.", "Memory\nfmri\nWe remember.", ""]
    assert studies.peak_counts.tolist() == [2, 1, 0]
    found = studies.peaks[["x", "y", "z"]].to_numpy()
    np.testing.assert_array_equal(found[:2], [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_allclose(found[2], talairach_to_mni152(np.array([[10.0, 20, 30]]))[0])
    assert studies.vocabulary.tolist() == ["pain", "working memory", "null"]
    np.testing.assert_array_equal(studies.counts.toarray(), [[4, 0, 0], [0, 3, 5], [0, 0, 0]])
    metadata = studies.metadata
    assert metadata["pmid"].tolist()[::2] == [35256398, 1]
    assert metadata["authors"].tolist()[:2] == ["Chow, Jacky C.K.; Koles", "Bois, Aaron"]
    assert metadata["links"][0] == [
        "https://neurovault.org/collections/1",
        "https://doi.org/10.1/a",
    ]
    assert metadata["abstract"].tolist() == ["It hurts.", "We remember.", ""]
    assert metadata["year"][0] == 2022


@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
def test_any_of_the_folders_will_do(query):
    whole = load_pubget(query)
    for folder in query.iterdir():
        studies = load_pubget(folder)
        assert studies.peaks.equals(whole.peaks)
        assert (studies.counts != whole.counts).nnz == 0


@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
def test_the_parts_that_are_asked_for_make_texts_and_counts(query):
    studies = load_pubget(query, parts=["title", "body"])
    assert studies.texts.tolist() == ["Pain, heat", "Memory\nLong body.", ""]
    np.testing.assert_array_equal(studies.counts.toarray()[:2], [[8, 7, 7], [7, 8, 7]])
    assert load_pubget(query, parts="title").texts.tolist() == ["Pain, heat", "Memory", ""]


@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
def test_without_vectorized_text_there_are_texts_only(query):
    (vectors,) = query.glob("*_vectorizedText")
    vectors.rename(query / "elsewhere")
    studies = load_pubget(query)
    assert studies.counts is None
    assert studies.texts[0] == "Pain, heat\nIt hurts."


def test_what_belongs_to_no_article_is_left_out_and_counted(query):
    data = query / f"{SUBSET}_extractedData"
    for name, row in (("coordinates", "77,t,,1,2,3"), ("text", "77,A,B,C,D")):
        path = data / f"{name}.csv"
        path.write_text(path.read_text() + row + "\n")
    with pytest.warns(
        DataWarning, match="1 texts of articles without metadata left out; 1 peaks of articles"
    ):
        studies = load_pubget(query)
    assert "77" not in studies.ids
    assert len(studies.peaks) == 3


def test_several_subsets_or_vocabularies_are_a_choice(query):
    (query / f"{SUBSET}-voc_2_vectorizedText").mkdir()
    with pytest.raises(InvalidInputError, match="several vectorized texts"):
        load_pubget(query)
    (query / "subset_allArticles_extractedData").mkdir()
    with pytest.raises(InvalidInputError, match="several subsets"):
        load_pubget(query)


@pytest.mark.parametrize("parts", ["references", [], ["title", "title"]])
def test_unknown_parts_are_refused(query, parts):
    with pytest.raises(InvalidInputError, match="parts="):
        load_pubget(query, parts=parts)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("metadata", "9056525", "9053985", "id 9053985 occurs in lines 2 and 3"),
        ("coordinates", "1,2,3", "1,2,x", r"line 3 \(id 9053985\) has 'x' as coordinate z"),
        ("text", "abstract", "summary", r"missing column\(s\) \['abstract'\]"),
        ("metadata", "9056525", "", "line 3 has no pmcid"),
    ],
)
def test_faults_name_file_and_line(query, name, old, new, message):
    path = query / f"{SUBSET}_extractedData" / f"{name}.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataFormatError, match=rf"{name}\.csv: {message}"):
        load_pubget(query)


def test_missing_files_are_named(query, tmp_path):
    (query / f"{SUBSET}_extractedData" / "coordinates.csv").unlink()
    with pytest.raises(DataFormatError, match=r"coordinates\.csv: not found"):
        load_pubget(query)
    with pytest.raises(DataFormatError, match="holds no folder"):
        load_pubget(tmp_path / "query_3c0556e22a59e7d200f00ac8219dfd6c" / "..")
    with pytest.raises(DataFormatError, match="is not a folder"):
        load_pubget(tmp_path / "absent")


def test_term_counts_of_another_shape_are_refused(query):
    (vectors,) = query.glob("*_vectorizedText")
    sparse.save_npz(vectors / "title_counts.npz", sparse.csr_matrix((2, 7)))
    with pytest.raises(DataFormatError, match=r"title_counts\.npz: has the shape \(2, 7\)"):
        load_pubget(query)


def test_ids_of_pubmed_are_whole_numbers_though_some_lack(query):
    with pytest.warns(DataWarning):
        pmids = load_pubget(query).metadata["pmid"]
    assert str(pmids[0]) == "35256398"
    assert pd.isna(pmids[1])


def test_a_fault_below_a_long_body_is_told_with_its_line(query):
    path = query / f"{SUBSET}_extractedData" / "text.csv"
    rows = f'9053985,a,,b,"{"word " * 40_000}"\n9056525,a,,b,c\n9056525,a,,b,c\n'
    path.write_text("pmcid,title,keywords,abstract,body\n" + rows)
    with pytest.raises(DataFormatError, match=r"text\.csv: id 9056525 occurs in lines 3 and 4"):
        load_pubget(query)


def test_an_article_in_two_spaces_is_refused(query):
    path = query / f"{SUBSET}_extractedData" / "coordinate_space.csv"
    path.write_text("pmcid,coordinate_space\n9053985,MNI\n9056525,TAL\n9056525,MNI\n")
    with pytest.raises(DataFormatError, match=r"lines 3 and 4 give article 9056525 different"):
        load_pubget(query)


def test_ids_of_pubmed_may_be_words(query):
    path = query / f"{SUBSET}_extractedData" / "metadata.csv"
    path.write_text(path.read_text().replace("35256398", "PMID35256398"))
    with pytest.warns(DataWarning):
        assert load_pubget(query).metadata["pmid"][0] == "PMID35256398"


def test_tables_of_another_run_are_refused(query):
    path = query / f"{SUBSET}_extractedData" / "coordinates.csv"
    path.write_text("pmcid,x,y,z\nPMC9053985,1,2,3\n")
    with pytest.raises(DataFormatError, match=r"coordinates\.csv: none of its articles.*'PMC9053"):
        load_pubget(query)


def test_a_folder_is_known_by_its_tables_whatever_its_name(query):
    folder = (query / f"{SUBSET}_extractedData").rename(query.parent / "mine")
    with pytest.warns(DataWarning):
        assert len(load_studies(folder)) == 3
