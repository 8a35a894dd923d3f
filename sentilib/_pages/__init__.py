"""HTML pages, each of which is one file that includes its style, script and data.

`templates/page.html` is the frame of every page and `templates/parts.html` contains the shared
macros: tables, figures, heat-maps, legends, bars. Python passes plain values and jinja2 escapes
them; no other code of the package writes HTML.
"""
