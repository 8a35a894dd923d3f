"""Configuration of the site; `make docs` builds it."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import sentilib

project = "sentilib"
version = release = sentilib.__version__
copyright = "the sentilib authors"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "_site.formulas",
    "_site.pictures",
    "_site.public_names",
    "_site.sources",
    "_site.llms",
]
exclude_patterns = ["templates", "generated/extra", "generated/gallery/*.ipynb"]
templates_path = ["templates"]
default_role = "py:obj"  # in docstrings; what is no name is shown as code
smartquotes = False

autosummary_generate = True
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # numpydoc's sections contain them
numpydoc_show_class_members = False
numpydoc_validation_checks: set[str] = set()  # tests/test_docstrings.py validates

myst_enable_extensions = ["dollarmath", "deflist", "attrs_inline", "colon_fence"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

sphinx_gallery_conf = {
    "examples_dirs": str(HERE.parent / "examples"),
    "gallery_dirs": "generated/gallery",
    # Servers and clusters are only shown.
    "filename_pattern": r"/(?!serve|dask_|ray_|spark_)\w+\.py$",
    "image_scrapers": ("_site.pictures.scrape",),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "min_reported_time": 1,
    "remove_config_comments": True,
    "thumbnail_size": (320, 224),
    "show_memory": False,
    "show_signature": False,
    "default_thumb_file": str(HERE / "images" / "heat_map.png"),
    "write_computation_times": False,
    "within_subsection_order": "_site.pictures.ByLength",
    "copyfile_regex": r".*\.rst",
}
suppress_warnings = ["config.cache"]  # the gallery's settings are no part of the cache

html_theme = "pydata_sphinx_theme"
html_title = "sentilib"
html_static_path = ["static"]
html_extra_path = ["generated/extra"]  # pages that examples write
(HERE / "generated" / "extra").mkdir(parents=True, exist_ok=True)
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = True  # llms.txt links to the Markdown files
html_sidebars = {"index": [], "start": [], "changes": [], "glossary": []}
html_theme_options = {
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
