"""Reviews to learn from: the IMDB release, and generated ones for machines without data."""

from sentilib.datasets._imdb import load_imdb
from sentilib.datasets._reviews import make_reviews

__all__ = ["load_imdb", "make_reviews"]
