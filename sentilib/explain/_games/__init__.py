"""Cooperative games whose sum is a model's output, and their exact Shapley values."""
