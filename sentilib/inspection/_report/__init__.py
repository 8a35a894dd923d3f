"""The report: its writer, its sections and its templates."""
