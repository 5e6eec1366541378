"""Studies as references."""

import csv
import io

import pandas as pd
import pytest

from sklearn_mnm.datasets import format_references
from sklearn_mnm.exceptions import InvalidInputError

STUDIES = pd.DataFrame(
    {
        "query": [0, 0, 1, 1],
        "id": ["12880830", "smith-2001", "12880830", 14527595],
        "title": ["Fear, \n 50% & {more}", None, "Fear again", "Pain_1"],
    }
)


def test_ris_has_a_record_for_each_study():
    records = format_references(STUDIES).split("ER  -\n")[:-1]
    fields = [[line.split("  - ", 1) for line in r.splitlines() if line] for r in records]
    assert [dict(f)["AN"] for f in fields] == ["12880830", "smith-2001", "14527595"]
    assert all(f[0] == ["TY", "JOUR"] for f in fields)
    assert dict(fields[0])["TI"] == "Fear, 50% & {more}"
    assert dict(fields[0])["UR"] == "https://pubmed.ncbi.nlm.nih.gov/12880830/"
    assert "TI" not in dict(fields[1])
    assert "UR" not in dict(fields[1])


def test_bibtex_escapes_what_it_reads_otherwise():
    text = format_references(STUDIES, "bibtex")
    assert text.count("@article{") == 3
    assert r"title = {{Fear, 50\% \& \{more\}}}" in text
    assert "pmid = {14527595}" in text
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


def test_csv_is_read_back():
    rows = list(csv.DictReader(io.StringIO(format_references(STUDIES, "csv"))))
    assert [row["id"] for row in rows] == ["12880830", "smith-2001", "14527595"]
    assert rows[2]["title"] == "Pain_1"
    assert rows[1]["url"] == ""


def test_what_is_no_table_of_studies_is_refused():
    with pytest.raises(InvalidInputError, match="style='endnote'"):
        format_references(STUDIES, "endnote")
    for wrong in (STUDIES.drop(columns="id"), ["12880830"]):
        with pytest.raises(InvalidInputError, match="column 'id'"):
            format_references(wrong)
