"""Settings that every test shares."""

import os

# scikit-learn skips one of its stock checks where this is unset; it is read when SciPy is loaded.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
