"""Measures of inspection: losses, features, statistics, clusters, duplicates."""
