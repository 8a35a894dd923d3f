"""Checks of a model and its data, each with a code."""
