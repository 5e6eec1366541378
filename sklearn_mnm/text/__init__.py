"""Text to features: bags of weighted terms and sentence embeddings; queries explained."""

from sklearn_mnm.text.concepts import CognitiveAtlas, load_cognitive_atlas, match_terms
from sklearn_mnm.text.explanation import QueryExplanation, check_query, explain_query
from sklearn_mnm.text.sentence import SentenceTransformerVectorizer
from sklearn_mnm.text.terms import TermVectorizer

__all__ = [
    "CognitiveAtlas",
    "QueryExplanation",
    "SentenceTransformerVectorizer",
    "TermVectorizer",
    "check_query",
    "explain_query",
    "load_cognitive_atlas",
    "match_terms",
]
