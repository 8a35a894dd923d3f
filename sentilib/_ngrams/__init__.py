"""N-grams of token ids: their dictionary, and what they say of labels."""
