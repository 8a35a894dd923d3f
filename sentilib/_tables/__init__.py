"""Fitted models as tables, in NumPy and compiled loops, without Keras or scikit-learn."""
