"""From raw HTML documents to words, compiled and independent of scikit-learn.

`_html` extracts the visible text, `_unicode` classifies characters, `_kernels` scans bytes,
`_scan` runs the kernels over documents, `_readings` stores the results
of a scan, and `_reader` uses all of them to do the tokenizer's work.
"""
