"""What a fitted model computes, in NumPy and compiled loops: neither Keras nor scikit-learn."""
