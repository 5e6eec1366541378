"""Text to features: bags of weighted terms and sentence embeddings."""

from sklearn_mnm.text.sentence import SentenceTransformerVectorizer
from sklearn_mnm.text.terms import TermVectorizer

__all__ = ["SentenceTransformerVectorizer", "TermVectorizer"]
