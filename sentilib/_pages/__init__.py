"""HTML pages: one file each, with its style, script and data inside, and no network.

`templates/page.html` is the frame of every page and `templates/parts.html` has the macros that
pages share: tables, figures, heat-maps, legends, bars. Python passes plain values and jinja2
escapes them; nothing else in the package writes HTML.
"""
