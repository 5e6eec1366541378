"""Texts, counts, maps and peaks may come in all that scikit-learn's users keep them in."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_mnm import (
    HyperbolicBrainTextEmbedder,
    MNMDecoder,
    MNMEncoder,
    PeaksToRegions,
    Studies,
    TermVectorizer,
)
from sklearn_mnm.exceptions import DataFormatError


def embedder():
    return HyperbolicBrainTextEmbedder(6, max_epochs=1, random_state=0)


def parts():
    return {
        "vectorizer": TermVectorizer(min_df=1),
        "embedder": embedder(),
        "random_state": 0,
    }


def names(array):
    return [f"column {j}" for j in range(array.shape[1])]


def memory_map(array, folder):
    path = folder / f"{len(list(folder.iterdir()))}.npy"
    np.save(path, array)
    return np.load(path, mmap_mode="r")


def read_only(array, folder):
    array = array.copy()
    array.flags.writeable = False
    return array


def every_other(array, folder):
    wide = np.full((2 * array.shape[0], 3 * array.shape[1]), np.nan, array.dtype)
    wide[::2, ::3] = array
    return wide[::2, ::3]


def in_format(made_by, array, folder):
    return made_by(array)


def sparse_frame(array, folder):
    return pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(array), columns=names(array))


def long_indices(array, folder):
    matrix = sparse.csr_array(array)
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    return matrix


# Ways to keep an array, each a function of it and of a folder.
SAME_ORDER = {
    "list of lists": lambda array, folder: array.tolist(),
    "tuple of lists": lambda array, folder: tuple(array.tolist()),
    "memory map": memory_map,
    "read-only": read_only,
    "objects": lambda array, folder: array.astype(object),
    "other byte order": lambda array, folder: array.astype(array.dtype.newbyteorder()),
}
OTHER_ORDER = {
    "pandas": lambda array, folder: pd.DataFrame(array, columns=names(array)),
    "polars": lambda array, folder: pl.DataFrame(array, schema=names(array)),
    "Fortran order": lambda array, folder: np.asfortranarray(array),
    "every other": every_other,
    "reversed": lambda array, folder: array[::-1].copy()[::-1],
}
SPARSE = {
    name: partial(in_format, getattr(sparse, name))
    for name in ("csr_array", "csc_matrix", "csc_array", "coo_matrix", "coo_array", "lil_array")
} | {"sparse pandas": sparse_frame, "long indices": long_indices}


# What each estimator makes of one of its inputs, kept as `keep` keeps it.
def embedder_of_texts(corpus, keep):
    X, Y = keep(corpus.counts), corpus.maps
    fitted = embedder().fit(X, Y)
    return fitted.transform(X), fitted.predict(X), fitted.score(X, Y)


def embedder_of_maps(corpus, keep):
    X, Y = corpus.counts, keep(corpus.maps)
    fitted = embedder().fit(X, Y)
    return fitted.transform_brain(Y), fitted.transform(X, Y)[1], fitted.predict(X)


def points(corpus, keep):
    fitted = embedder().fit(corpus.counts, corpus.maps)
    texts, brains = fitted.transform(corpus.counts, corpus.maps)
    return fitted.inverse_transform(keep(texts)), fitted.similarity(keep(texts), keep(brains))


def encoder_of_texts(corpus, keep):
    X, y = keep(corpus.counts), corpus.maps
    fitted = MNMEncoder(**parts()).fit(X, y)
    return fitted.transform(X), fitted.predict(X), fitted.score(X, y)


def encoder_of_maps(corpus, keep):
    X, y = corpus.counts, keep(corpus.maps)
    fitted = MNMEncoder(**parts()).fit(X, y)
    return fitted.predict(X), fitted.score(X, y)


def decoder_of_maps(corpus, keep):
    X, y = keep(corpus.maps), corpus.counts
    fitted = MNMDecoder(**parts()).fit(X, y)
    return fitted.transform(X), fitted.decision_function(X), fitted.score(X, y)


def decoder_of_texts(corpus, keep):
    X, y = corpus.maps, keep(corpus.counts)
    fitted = MNMDecoder(**parts()).fit(X, y)
    return fitted.decision_function(X), fitted.score(X, y)


def terms(corpus, keep):
    X = keep(corpus.counts)
    fitted = TermVectorizer(min_df=1).fit(X)
    return fitted.transform(X).toarray(), fitted.idf_


def voxels(corpus, keep):
    Y = keep(corpus.maps)
    smooth = corpus.regions.voxels_from_regions(Y)
    return smooth, corpus.regions.inverse_transform(Y).get_fdata(), corpus.regions.blend(Y)


OF_COUNTS = [embedder_of_texts, encoder_of_texts, decoder_of_texts, terms]
OF_MAPS = [embedder_of_maps, encoder_of_maps, decoder_of_maps, voxels]
MAKE_EXPECTED = {False: lambda array: array, True: sparse.csr_matrix}


@pytest.fixture(scope="module")
def expected(small_corpus):
    """What comes of plain arrays, or of CSR matrices."""
    known = {}

    def look_up(make, *, is_sparse=False):
        if (make, is_sparse) not in known:
            known[make, is_sparse] = make(small_corpus, MAKE_EXPECTED[is_sparse])
        return known[make, is_sparse]

    return look_up


def assert_same(found, expected, compare=np.testing.assert_array_equal, **tolerance):
    for one, other in zip(found, expected, strict=True):
        compare(one, other, **tolerance)
        assert np.asarray(one).dtype == np.asarray(other).dtype
        assert np.asarray(one).dtype.isnative


@pytest.mark.parametrize("keep", SAME_ORDER.values(), ids=SAME_ORDER)
@pytest.mark.parametrize("make", [*OF_COUNTS, *OF_MAPS, points])
def test_the_same_numbers_in_the_same_order_give_the_same_bits(
    small_corpus, expected, make, keep, tmp_path
):
    found = make(small_corpus, lambda array: keep(array, tmp_path))
    assert_same(found, expected(make))


@pytest.mark.parametrize("keep", OTHER_ORDER.values(), ids=OTHER_ORDER)
@pytest.mark.parametrize("make", [*OF_COUNTS, *OF_MAPS, points])
def test_frames_and_views_give_the_same(small_corpus, expected, make, keep, tmp_path):
    found = make(small_corpus, lambda array: keep(array, tmp_path))
    # Sums depend on the order in which numbers lie in memory, and towers sum in float32.
    assert_same(found, expected(make), np.testing.assert_allclose, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("keep", SPARSE.values(), ids=SPARSE)
@pytest.mark.parametrize("make", OF_COUNTS)
def test_all_sparse_counts_give_the_same_bits(small_corpus, expected, make, keep, tmp_path):
    found = make(small_corpus, lambda array: keep(array, tmp_path))
    assert_same(found, expected(make, is_sparse=True))


@pytest.mark.parametrize("make", OF_COUNTS)
def test_sparse_and_dense_counts_give_the_same(expected, make):
    dense, from_sparse = expected(make), expected(make, is_sparse=True)
    assert_same(from_sparse, dense, np.testing.assert_allclose, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", OF_MAPS)
@pytest.mark.parametrize("made_by", [sparse.csr_matrix, sparse.csr_array])
def test_sparse_maps_are_refused_as_sparse_targets_are(small_corpus, make, made_by):
    message = r"dense data is required\. Use '\.toarray\(\)'"
    with pytest.raises(TypeError, match=message):
        PLSRegression().fit(small_corpus.counts, made_by(small_corpus.maps))
    with pytest.raises(TypeError, match=message):
        make(small_corpus, made_by)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
@pytest.mark.parametrize("make", [*OF_COUNTS, *OF_MAPS])
def test_integers_are_numbers(small_corpus, make, dtype):
    # Sums and squares of these would overflow in eight bits.
    whole = SimpleNamespace(**vars(small_corpus))
    whole.maps = np.rint(small_corpus.maps * 255 / small_corpus.maps.max())
    found = make(whole, lambda array: array.astype(dtype))
    assert_same(found, make(whole, lambda array: array))


def test_points_given_as_integers_are_decoded_all_the_same(small_corpus):
    fitted = embedder().fit(small_corpus.counts, small_corpus.maps)
    origin = np.eye(1, fitted.n_dimensions_ + 1)
    expected = fitted.inverse_transform(origin)
    assert expected.any()
    for given in (origin.astype(int), origin.astype(int).tolist(), origin.astype(object)):
        assert_same([fitted.inverse_transform(given)], [expected])


KEEP_TEXTS = {
    "tuple": tuple,
    "array": np.array,
    "objects": lambda texts: np.array(texts, dtype=object),
    "pandas": lambda texts: pd.Series(texts, index=range(len(texts), 0, -1)),
    "pandas strings": lambda texts: pd.Series(texts, dtype="string"),
    "pandas categories": lambda texts: pd.Series(texts, dtype="category"),
    "polars": pl.Series,
    "iterator": iter,
    "generator": lambda texts: (text for text in texts),
}


@pytest.mark.parametrize("keep", KEEP_TEXTS.values(), ids=KEEP_TEXTS)
def test_texts_may_be_any_collection_of_strings(small_corpus, keep):
    texts, maps = list(small_corpus.studies.texts), small_corpus.maps

    def made(keep):
        vectorizer = TermVectorizer(min_df=1).fit(keep(texts))
        yield vectorizer.transform(keep(texts)).toarray()
        pipeline = make_pipeline(TermVectorizer(min_df=1), embedder()).fit(keep(texts), maps)
        yield pipeline.predict(keep(texts))
        # Words of maps are learnt from the texts apart from these features.
        topics = make_pipeline(TfidfVectorizer(), TruncatedSVD(9, random_state=0))
        encoder = MNMEncoder(**parts() | {"vectorizer": topics}).fit(keep(texts), maps)
        yield from (encoder.predict(keep(texts)), encoder.score(keep(texts), maps))
        decoder = MNMDecoder(**parts()).fit(maps, keep(texts))
        yield from (decoder.decision_function(maps), decoder.score(maps, keep(texts)))

    assert_same(made(keep), made(list))


def as_polars(peaks):
    return pl.DataFrame({name: peaks[name].to_numpy() for name in peaks.columns})


def test_peaks_may_be_a_table_of_polars(small_corpus):
    peaks = small_corpus.studies.peaks.sample(frac=1, random_state=0)
    table = as_polars(peaks)
    regions = PeaksToRegions(n_regions=12, resolution=12, max_distance=1000, random_state=0)
    np.testing.assert_array_equal(
        regions.fit_transform(table), regions.fit(peaks).transform(peaks), strict=True
    )
    np.testing.assert_array_equal(regions.transform_voxels(table), regions.transform_voxels(peaks))
    framed = regions.set_output(transform="pandas").transform(table)
    assert framed.index.tolist() == peaks["id"].unique().tolist()
    texts = small_corpus.studies.select(ids=framed.index).texts
    one, other = (
        MNMEncoder(**parts() | {"regions": regions}).fit(texts, t) for t in (table, peaks)
    )
    assert one.neighbours_.ids.tolist() == framed.index.tolist()
    np.testing.assert_array_equal(one.predict(texts), other.predict(texts))
    assert one.score(texts, table) == other.score(texts, peaks)
    decoder = MNMDecoder(**parts() | {"regions": regions}).fit(table, texts)
    np.testing.assert_array_equal(decoder.transform(table), one.decoder().transform(peaks))
    points = decoder.set_output(transform="pandas").transform(table)
    assert points.index.tolist() == framed.index.tolist()


def test_studies_may_be_made_from_tables_of_polars(small_corpus):
    studies = small_corpus.studies
    made = Studies(
        pl.Series(studies.ids),
        metadata=as_polars(studies.metadata),
        peaks=as_polars(studies.peaks),
        counts=pl.DataFrame(small_corpus.counts),
        texts=pl.Series(studies.texts),
        groups=pl.Series(studies.metadata["concept"].to_list()),
    )
    pd.testing.assert_frame_equal(made.peaks, studies.peaks)
    pd.testing.assert_frame_equal(made.metadata, studies.metadata)
    np.testing.assert_array_equal(made.counts.toarray(), small_corpus.counts)
    assert made[:5].titles.tolist() == studies[:5].titles.tolist()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("id", None, "Row 0 of the table of peaks has no study id"),
        ("y", None, "not finite, the first in row 0"),
        ("y", "left", "must hold numbers"),
    ],
)
def test_gaps_in_tables_of_polars_are_named(small_corpus, column, value, message):
    table = as_polars(small_corpus.studies.peaks)
    others = table[column].to_list()[1:]
    rest = map(str, others) if isinstance(value, str) else others
    with pytest.raises(DataFormatError, match=message):
        small_corpus.regions.transform(table.with_columns(pl.Series(column, [value, *rest])))
    with pytest.raises(DataFormatError, match=rf"no column .*{column}"):
        small_corpus.regions.transform(table.drop(column))
