"""From raw HTML documents to words, compiled; knows nothing of scikit-learn.

`_html` finds the visible text, `_unicode` says what each character is to a tokenizer, `_kernels`
scans bytes (importing it loads numba), `_scan` runs the kernels over documents, `_readings` keeps
all that a scan found, and `_reader` does the tokenizer's work with these.
"""
