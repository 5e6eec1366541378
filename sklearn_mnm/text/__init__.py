"""Text to features: weighted terms, sentence embeddings; ontologies; queries explained."""

from sklearn_mnm.text.cognitive_atlas import CognitiveAtlas, load_cognitive_atlas
from sklearn_mnm.text.concepts import match_terms
from sklearn_mnm.text.explanation import QueryExplanation, check_query, explain_query
from sklearn_mnm.text.mesh import load_mesh_tree
from sklearn_mnm.text.ontology import Ontology
from sklearn_mnm.text.sentence import SentenceTransformerVectorizer
from sklearn_mnm.text.sides import SidedPhrase, sided_phrases
from sklearn_mnm.text.subsumption import contiguous_parts
from sklearn_mnm.text.synonyms import learn_synonyms
from sklearn_mnm.text.terms import TermVectorizer
from sklearn_mnm.text.wordnet import load_wordnet

__all__ = [
    "CognitiveAtlas",
    "Ontology",
    "QueryExplanation",
    "SentenceTransformerVectorizer",
    "SidedPhrase",
    "TermVectorizer",
    "check_query",
    "contiguous_parts",
    "explain_query",
    "learn_synonyms",
    "load_cognitive_atlas",
    "load_mesh_tree",
    "load_wordnet",
    "match_terms",
    "sided_phrases",
]
