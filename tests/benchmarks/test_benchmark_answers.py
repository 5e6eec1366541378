"""The queries of the benchmark of answers are made by its rule, and sides are told apart."""

import nibabel
import numpy as np
import pytest


def test_concepts_are_those_that_most_studies_hold(tmp_path, monkeypatch):
    from benchmarks.quality import answers

    (tmp_path / "cognitive_atlas").mkdir()
    rows = "id\tname\n1\tPain\n2\tMemory\n3\tno term\n4\tFear\n5\tpain\n"
    (tmp_path / "cognitive_atlas" / "concepts.tsv").write_text(rows)
    monkeypatch.setattr(answers, "data_folder", lambda: tmp_path)
    monkeypatch.setattr(answers, "N_CONCEPTS", 2)
    found = answers.concepts(["fear", "memory", "pain", "the"], np.array([3, 9, 5, 99]))
    assert found == ["memory", "pain"]


@pytest.mark.parametrize(("phrase", "side"), [("hand", "left"), ("amygdala", "right")])
def test_sides_are_those_of_anatomy(phrase, side):
    from benchmarks.quality.sided import on_side_of_anatomy

    values = np.zeros((4, 2, 2), dtype=np.float32)
    values[3], values[0] = 2, 1  # x is 3 mm, on the right, and -3 mm
    affine = nibabel.affines.from_matvec(np.diag([2.0, 2, 2]), [-3, 0, 0])
    image = nibabel.Nifti1Image(values, affine)
    assert on_side_of_anatomy(image, side, phrase)
    other = "right" if side == "left" else "left"
    assert not on_side_of_anatomy(image, other, phrase)
