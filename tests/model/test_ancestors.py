"""Radii of texts and maps, and ancestors, descendants and walks of encoders and decoders."""

import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_mnm import (
    HyperbolicBrainTextEmbedder,
    MNMEncoder,
    MNMObjective,
    PeaksToRegions,
    TermVectorizer,
)
from sklearn_mnm.datasets import make_literature
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.geometry import exp_map0, radius
from sklearn_mnm.model.text_regression import predict_brain
from sklearn_mnm.nn.towers import trainable_towers
from sklearn_mnm.persistence import load_model, save_model
from sklearn_mnm.text import Ontology

PROPERTY = settings(max_examples=25, derandomize=True)
COLUMNS = ["term", "probability", "radius", "n_studies"]


def make_encoder(literature, **params):
    params = {
        "regions": PeaksToRegions(n_regions=16, resolution=12, max_distance=1e3, random_state=0),
        "embedder": HyperbolicBrainTextEmbedder(n_components=8, max_epochs=3, random_state=0),
        "random_state": 0,
        **params,
    }
    return MNMEncoder(**params).fit(literature.studies)


class Fitted:
    """A made-up literature, and an encoder and decoder of it."""

    def __init__(self):
        tree = {"n_domains": 3, "n_tasks_per_domain": 2, "n_contrasts_per_task": 2}
        self.literature = make_literature(300, **tree, n_terms=90, noise=0.3, random_state=0)
        self.studies = self.literature.studies
        self.encoder = make_encoder(self.literature)
        self.decoder = self.encoder.decoder()
        self.embedder = self.encoder.embedder_
        self.terms = list(self.encoder.terms_)
        self.features = self.encoder.vectorizer_.transform(self.studies.counts)
        self.maps = self.encoder.regions_.transform(self.studies).astype(float)


_MADE: list[Fitted] = []


def fitted_once():
    if not _MADE:
        _MADE.append(Fitted())
    return _MADE[0]


@pytest.fixture(scope="module")
def fitted():
    return fitted_once()


def radii(points, curvature=1.0):
    return radius(torch.as_tensor(np.asarray(points, dtype=np.float64)), curvature).numpy()


# Points


@pytest.mark.parametrize("curvature", [0.5, 1.0, 4.0])
def test_terms_lie_at_half_their_information_and_where_texts_of_one_word_do(fitted, curvature):
    embedder = clone(fitted.embedder).set_params(curvature=curvature, max_epochs=1)
    embedder.fit(fitted.features, fitted.maps)
    points = embedder.term_points()
    assert points.shape == (len(fitted.terms), embedder.n_dimensions_ + 1)
    held = (fitted.features != 0).sum(axis=0)
    information = -np.log((np.asarray(held).ravel() - 0.5) / len(fitted.studies))
    expected = np.maximum(information, 0.1) / 2 / curvature**0.5
    np.testing.assert_allclose(radii(points, curvature), expected, rtol=1e-6)
    # No term holds another one here.
    texts = embedder.transform(np.eye(len(fitted.terms)))
    np.testing.assert_allclose(points, texts, rtol=1e-5, atol=1e-6)


def test_what_terms_are_not_known_of_has_no_points(fitted):
    with pytest.raises(NotFittedError):
        HyperbolicBrainTextEmbedder().term_points()
    signed = fitted.features.toarray() - 0.1
    embedder = HyperbolicBrainTextEmbedder(4, max_epochs=0, random_state=0)
    embedder.fit(signed, fitted.maps)
    assert embedder.term_space_ is None
    assert embedder.n_dimensions_ == 4 + 1 + 4
    known = radii(embedder.transform(signed))
    np.testing.assert_allclose(known, 3.0)
    with pytest.raises(InvalidInputError, match=r"no weights of terms.*TF-IDF"):
        embedder.term_points()
    learnt = clone(embedder).set_params(objective__similarity="exterior_angle")
    with pytest.raises(InvalidInputError, match="similarity is another"):
        learnt.fit(fitted.features, fitted.maps).term_points()


def test_log_odds_of_pairs_are_those_that_training_contrasts(fitted):
    embedder, model = fitted.embedder, trainable_towers(fitted.embedder.model_)
    X, Y = fitted.features[:20], fitted.maps[:30]
    text = predict_brain(X, embedder.text_coef_, embedder.short_coef_, embedder.mean_terms_)
    brain = embedder.activation_scaler_.transform(Y)
    with torch.inference_mode():
        u, v = model.text_tower(torch.as_tensor(text)), model.brain_tower(torch.as_tensor(brain))
        rows = u[:, :-1] @ v[:, :-1].T + u[:, -1:] + v[:, -1]
        expected = (model.log_scale.exp() * rows).numpy()
    found = embedder.pair_log_odds(*embedder.transform(X, Y))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_log_odds_without_a_hierarchy_are_scaled_similarities(fitted):
    embedder = HyperbolicBrainTextEmbedder(
        4, objective=MNMObjective("exterior_angle"), max_epochs=1, random_state=0
    ).fit(fitted.features, fitted.maps)
    points = embedder.transform(fitted.features[:5], fitted.maps[:5])
    scale = np.exp(embedder.model_.log_scale)
    np.testing.assert_allclose(
        embedder.pair_log_odds(*points), scale * embedder.similarity(*points)
    )


# Radii: what is more general is nearer to the root


@PROPERTY
@given(st.integers(0, 299), st.integers(0, 299))
def test_a_sum_of_maps_is_nearer_to_the_root_than_its_parts(first, second):
    fitted = fitted_once()
    a, b = fitted.maps[first], fitted.maps[second]
    found = radii(fitted.embedder.transform_brain(np.stack([a, b, a + b])))
    for part, own, added in ((0, a, b), (1, b, a)):
        if own.any():
            assert found[2] <= found[part] + 1e-9
            # A region that only the other map activates.
            assert not (added[own == 0] > 0).any() or found[2] < found[part]


def test_texts_are_nearer_to_the_root_than_all_maps(fitted):
    texts = radii(fitted.encoder.transform(fitted.studies))
    maps = radii(fitted.decoder.transform(fitted.maps[fitted.maps.any(axis=1)]))
    assert texts.max() < maps.min()
    one_focus = radii(fitted.embedder.transform_brain(np.eye(16)))
    assert one_focus.min() > np.quantile(maps, 0.9)


@PROPERTY
@given(st.integers(0, 299), st.data())
def test_a_title_is_nearer_to_the_root_than_its_abstract(row, data):
    fitted = fitted_once()
    words = [word for word in fitted.studies.texts[row].lower().split() if word in fitted.terms]
    if not words:
        return
    title = data.draw(st.lists(st.sampled_from(words), min_size=1, max_size=4))
    short, long = radii(fitted.encoder.transform([" ".join(title), " ".join(words)]))
    assert short <= long + 1e-9
    assert set(title) == set(words) or short < long


# Ancestors, descendants and walks


def test_ancestors_are_more_general_and_not_in_the_text(fitted):
    texts = list(fitted.studies.texts[:8])
    found = fitted.encoder.ancestors(texts, k=6)
    assert list(found) == ["query", "rank", *COLUMNS]
    own = fitted.encoder.vectorizer_.transform(texts)
    rho = radii(fitted.encoder.transform(texts))
    assert set(found["query"]) == set(range(8))
    for query, rows in found.groupby("query"):
        assert rows["rank"].tolist() == list(range(1, len(rows) + 1))
        assert rows["radius"].max() < rho[query]
        assert rows["probability"].between(0, 1).all()
        assert not {fitted.terms[j] for j in own[query].indices} & set(rows["term"])
        scores = np.log(rows["probability"]) + rows["radius"]  # half the information
        assert scores.is_monotonic_decreasing


def test_probabilities_of_ancestors_are_shares_of_studies_where_there_are_many(fitted):
    held = (fitted.features != 0).toarray()
    term = int(held.sum(axis=0).argmax())
    found = fitted.encoder.ancestors([fitted.terms[term]], k=90)
    found = pd.concat([found, fitted.encoder.ancestors([fitted.terms[term]], k=3)])
    n = held[:, term].sum()
    for row in found.itertuples():
        share = held[held[:, term], fitted.terms.index(row.term)].mean()
        assert abs(row.probability - share) <= 20 / (n + 20)


@pytest.mark.parametrize("least", [0.0, 0.3, 0.6, 1.0])
def test_no_ancestor_is_less_probable_than_asked_for(fitted, least):
    texts, maps = list(fitted.studies.texts[:10]), fitted.maps[:10]
    for model, queries in ((fitted.encoder, texts), (fitted.decoder, maps)):
        everything = model.ancestors(queries, k=90)
        found = model.ancestors(queries, k=90, min_probability=least)
        assert (found["probability"] >= least).all()
        expected = everything[everything["probability"] >= max(least, 1e-12)]
        assert found["term"].tolist() == expected["term"].tolist()
        np.testing.assert_allclose(found["probability"], expected["probability"])


def test_descendants_of_a_term_have_it_among_their_ancestors(fitted):
    held = (fitted.features != 0).toarray()
    general = fitted.terms[int(held.sum(axis=0).argmax())]
    found = fitted.encoder.descendants(general, k=5)
    assert list(found) == ["rank", *COLUMNS]
    assert found["rank"].tolist() == [1, 2, 3, 4, 5]
    mirror = fitted.encoder.ancestors(list(found["term"]), k=90)
    for query, row in found.iterrows():
        rows = mirror[(mirror["query"] == query) & (mirror["term"] == general)]
        assert rows["probability"].item() == pytest.approx(row["probability"], rel=1e-6)
        assert rows["radius"].item() < row["radius"]
    assert fitted.encoder.descendants(general.upper(), k=5).equals(found)


def walks(fitted):
    for text in fitted.studies.texts[:10]:
        yield fitted.encoder.walk(text, n_steps=5, k=2), text
    for row in range(10):
        yield fitted.decoder.walk(fitted.maps[[row]], n_steps=5, k=2), "map"


def test_walks_lead_up_term_by_term(fitted):
    lengths = []
    for walk, start in walks(fitted):
        assert list(walk) == ["step", "rank", *COLUMNS]
        assert walk["term"][0] == start
        assert walk["probability"][0] == 1
        steps = [rows for _, rows in walk.groupby("step")]
        assert walk["step"].unique().tolist() == list(range(len(steps)))
        assert len(steps) <= 6
        for before, after in pairwise(steps):
            assert after["radius"].max() < before["radius"].min()
        terms = walk["term"][1:]
        assert terms.is_unique
        assert set(terms) <= set(fitted.terms)
        assert (walk["probability"] >= 0.2).all()
        lengths.append(len(steps))
    assert max(lengths) > 2


def test_a_text_starts_its_walk_at_its_radius_with_the_studies_of_its_words(fitted):
    words = [fitted.terms[3], fitted.terms[5]]
    walk = fitted.encoder.walk(" ".join(words))
    (rho,) = radii(fitted.encoder.transform([" ".join(words)]))
    held = (fitted.features != 0).toarray()
    assert walk["radius"][0] == pytest.approx(rho)
    assert walk["n_studies"][0] == (held[:, 3] & held[:, 5]).sum()


def test_terms_of_maps_are_those_of_the_studies_with_such_maps(fitted):
    embedder, Y = fitted.embedder, fitted.maps[:4]
    texts = torch.as_tensor(fitted.encoder.neighbours_.text_tangent, dtype=torch.float64)
    points = exp_map0(texts, 1.0).numpy()
    log_odds = embedder.pair_log_odds(points, embedder.transform_brain(Y))
    weights = np.exp(log_odds) / np.exp(log_odds).sum(axis=0)
    held = (fitted.features != 0).toarray()
    found = fitted.decoder.ancestors(Y, k=5)
    assert list(found) == ["map", "rank", *COLUMNS]
    for row in found.itertuples():
        expected = weights[held[:, fitted.terms.index(row.term)], row.map].sum()
        assert row.probability == pytest.approx(expected, rel=1e-5)
    # Maps of whole networks are maps, too.
    level = fitted.encoder.hierarchy_.levels[-1]
    assert fitted.decoder.ancestors(Y, level=level)["map"].nunique() == 4


def test_terms_of_maps_are_those_of_later_studies_as_well(fitted):
    model = clone(fitted.encoder)
    for part in (fitted.studies[:200], fitted.studies[200:]):
        model.partial_fit(part)
    held = model.vectorizer_.transform(fitted.studies.counts) != 0
    counts = dict(zip(model.terms_, np.asarray(held.sum(axis=0)).ravel(), strict=True))
    for found in (
        model.decoder().ancestors(fitted.maps[:3], k=5),
        model.ancestors(list(fitted.studies.texts[:3]), k=5),
    ):
        assert len(found) == 15
        assert found["n_studies"].tolist() == [counts[term] for term in found["term"]]


def test_maps_of_a_domain_hold_its_terms(fitted):
    literature = fitted.literature
    parents, concept_of = literature.tree.parents, literature.term_concepts

    def domain(node):
        while parents[node] >= 0:
            node = parents[node]
        return node

    names = dict(zip(fitted.studies.vocabulary, concept_of, strict=True))
    hits = 0
    domains = np.array([domain(node) for node in literature.concepts])
    for node in np.unique(domains):
        mean = fitted.maps[domains == node].mean(axis=0, keepdims=True)
        found = fitted.decoder.ancestors(mean, k=3)["term"]
        hits += sum(names[term] >= 0 and domain(names[term]) == node for term in found)
    assert hits >= 6  # of 9; by chance, 3


def test_ancestors_and_walks_survive_pickles_and_files(fitted, tmp_path):
    text, row = fitted.studies.texts[0], fitted.maps[:1]
    save_model(fitted.encoder, tmp_path / "model")
    for copy in (pickle.loads(pickle.dumps(fitted.encoder)), load_model(tmp_path / "model")):
        pd.testing.assert_frame_equal(copy.walk(text), fitted.encoder.walk(text))
        pd.testing.assert_frame_equal(copy.ancestors([text]), fitted.encoder.ancestors([text]))
        decoded = copy.decoder().ancestors(row)
        pd.testing.assert_frame_equal(decoded, fitted.decoder.ancestors(row))


# Ontologies


def broader_terms(fitted):
    """Term of a contrast and of its task, of which the first is in more studies."""
    literature, held = fitted.literature, (fitted.features != 0).toarray()
    counts = dict(zip(fitted.terms, held.sum(axis=0), strict=True))
    concepts = dict(zip(fitted.studies.vocabulary, literature.term_concepts, strict=True))
    pairs = [
        (child, parent)
        for child in fitted.terms
        for parent in fitted.terms
        if concepts[child] >= 0
        and literature.tree.parents[concepts[child]] == concepts[parent]
        and counts[child] > counts[parent]
    ]
    # Each term in one pair, so that none is broader than itself by a longer way.
    used, kept = set(), []
    for pair in pairs:
        if not used & set(pair):
            used |= set(pair)
            kept.append(pair)
    return pd.DataFrame(kept, columns=["child", "parent"])


def test_an_ontology_puts_broader_terms_nearer_to_the_root(fitted, tmp_path):
    edges = broader_terms(fitted)
    assert len(edges) >= 4
    ontology = Ontology.from_frame(edges)
    encoder = make_encoder(fitted.literature, ontology=ontology)
    orders = []
    for model in (fitted.encoder, encoder):
        rho = dict(zip(model.terms_, radii(model.embedder_.term_points()), strict=True))
        orders.append([rho[parent] < rho[child] for child, parent in edges.to_numpy()])
    assert not any(orders[0])
    assert all(orders[1])
    # A text with the narrower term counts as one with the broader.
    child, parent = edges.iloc[0]
    hierarchy = encoder._term_hierarchy()
    rows = [list(encoder.terms_).index(term) for term in (child, parent)]
    held = hierarchy.held.toarray()[:, rows] > 0
    assert (held[held[:, 0], 1]).all()
    assert encoder.descendants(parent, k=1)["term"].item() == child
    # And so it stays in copies.
    save_model(encoder, tmp_path / "model")
    for copy in (pickle.loads(pickle.dumps(encoder)), load_model(tmp_path / "model")):
        for name in ("terms", "relations"):
            tables = (getattr(model.ontology, name) for model in (copy, encoder))
            pd.testing.assert_frame_equal(*tables, check_dtype=False)
        assert copy.ontology.broader == ontology.broader
        again = clone(copy).fit(fitted.studies)
        np.testing.assert_array_equal(
            again.embedder_.term_space_.information, encoder.embedder_.term_space_.information
        )


def test_parts_and_broader_terms_are_followed_to_the_end():
    texts = ["spatial working memory task", "memory", "cognition", "pain", "working memory"] * 8
    maps = np.random.default_rng(0).poisson(1.0, size=(40, 5)) + 1.0
    table = pd.DataFrame({"child": ["memory", "cognition"], "parent": ["cognition", "mind"]})
    vocabulary = ["spatial working memory", "working memory", "memory", "cognition", "mind", "pain"]
    encoder = MNMEncoder(
        vectorizer=TermVectorizer(vocabulary, min_df=1),
        embedder=HyperbolicBrainTextEmbedder(max_epochs=0, random_state=0),
        ontology=Ontology.from_frame(table),
        random_state=0,
    ).fit(texts, maps)
    terms = list(encoder.terms_)
    parts = encoder.embedder_.term_parts.toarray()

    def held(term):
        return {terms[j] for j in np.flatnonzero(parts[terms.index(term)])}

    chain = [term for term in vocabulary[:5] if term in terms]
    for place, term in enumerate(chain):
        assert held(term) == set(chain[place:])
    assert held("pain") == {"pain"}


# What is refused


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda e, d, s: d.ancestors(s[:1], min_probability="high"), r"min_probability='high'"),
        (lambda e, d, s: d.ancestors(s[:1], min_probability=float("nan")), "min_probability=nan"),
        (lambda e, d, s: e.ancestors(["a"], k=0), "k=0"),
        (lambda e, d, s: d.ancestors(s[:1], k=2.5), "k=2.5"),
        (lambda e, d, s: e.walk("a", k=-1), "k=-1"),
        (lambda e, d, s: d.walk(s[:1], n_steps="x"), "n_steps='x'"),
        (lambda e, d, s: d.ancestors(s[:1], level="moon"), "level='moon'"),
        (lambda e, d, s: e.descendants("a", k=0), "k=0"),
        (lambda e, d, s: e.ancestors("a text"), "one string"),
    ],
)
def test_what_makes_no_sense_is_refused(fitted, ask, message):
    with pytest.raises(InvalidInputError, match=message):
        ask(fitted.encoder, fitted.decoder, fitted.studies)


def test_a_text_of_which_nothing_is_known_has_no_ancestors(fitted):
    for ask in (lambda text: fitted.encoder.ancestors([text]), fitted.encoder.walk):
        with pytest.raises(InvalidInputError, match=r"'zzyzx' .* holds no known term"):
            ask("zzyzx")


def test_a_model_without_hierarchy_says_what_it_lacks(fitted):
    embedder = clone(fitted.encoder.embedder).set_params(
        objective__similarity="exterior_angle", max_epochs=1
    )
    encoder = make_encoder(fitted.literature, embedder=embedder)
    text, row = fitted.studies.texts[0], fitted.maps[:1]
    for ask in (
        lambda: encoder.ancestors([text]),
        lambda: encoder.descendants(fitted.terms[0]),
        lambda: encoder.walk(text),
        lambda: encoder.decoder().ancestors(row),
        lambda: encoder.decoder().walk(row),
    ):
        with pytest.raises(InvalidInputError, match=r"no hierarchy of terms.*default vectorizer"):
            ask()


@pytest.mark.parametrize(
    "parts",
    [np.eye(3), sparse.identity(3), [[1, 0], [0, 1]]],
    ids=["array", "sparse", "list"],
)
def test_parts_of_other_terms_are_refused(fitted, parts):
    message = r"term_parts has shape \(\d, \d\), but X has \d+ columns.*contiguous_parts"
    with pytest.raises(InvalidInputError, match=message):
        HyperbolicBrainTextEmbedder(term_parts=parts).fit(fitted.features, fitted.maps)


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_matrix, sparse.coo_array, np.array])
def test_parts_of_terms_may_have_any_form_and_come_back_from_files(fitted, form, tmp_path):
    parts = np.eye(len(fitted.terms))
    parts[3, 5] = 1
    embedder = HyperbolicBrainTextEmbedder(4, term_parts=form(parts), max_epochs=0, random_state=0)
    embedder.fit(fitted.features, fitted.maps)
    np.testing.assert_array_equal(embedder.term_space_.parts.toarray(), parts)
    save_model(embedder, tmp_path / "model")
    again = clone(load_model(tmp_path / "model")).fit(fitted.features, fitted.maps)
    np.testing.assert_array_equal(again.term_space_.parts.toarray(), parts)


def test_names_of_columns_tell_which_terms_hold_which(fitted):
    names = [f"word{j}" for j in range(len(fitted.terms))]
    names[3], names[5] = "working memory", "memory"
    table = pd.DataFrame(fitted.features.toarray(), columns=names)
    embedder = HyperbolicBrainTextEmbedder(4, max_epochs=0, random_state=0).fit(table, fitted.maps)
    parts = embedder.term_space_.parts.toarray()
    assert parts[3, 5]
    assert parts.sum() == len(names) + 1
