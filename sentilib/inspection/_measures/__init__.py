"""What inspection measures: losses, features, statistics, clusters, duplicates."""
