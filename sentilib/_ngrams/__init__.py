"""N-grams of token ids: their dictionary, and their evidence for the labels."""
