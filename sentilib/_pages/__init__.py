"""HTML pages that need no network: style, heat-maps, tables."""
