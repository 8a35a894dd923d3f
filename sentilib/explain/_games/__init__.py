"""The exact games: what a model's output adds up, and the Shapley values of each part."""
