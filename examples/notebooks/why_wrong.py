"""
Why is it wrong here?
=====================

Look at the errors of a model one by one: which words misled it, whether the label is wrong, whether
it knows the words at all, and what a second model says.
"""

# %%
from sklearn.pipeline import make_pipeline

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import make_reviews

texts, labels = make_reviews(1500, length=50, random_state=0)
X, y, X_test, y_test = texts[:1200], labels[:1200], texts[1200:], labels[1200:]
pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0)).fit(X, y)

# %%
# The errors of the highest loss, with the words that speak for the prediction and against it.
from sentilib.inspection import error_table

errors = error_table(pipe, X_test, y_test, n_explained=5)
errors[["truth", "probability", "words_for", "words_against", "snippet"]].head()

# %%
# Which words misled it?
from sentilib import TokenShapExplainer

wrong = [X_test[row] for row in errors["row"][:2]]
explanation = TokenShapExplainer(pipe)(wrong)
explanation

# %%
# How much depends on them? If the prediction flips without one or two words, they alone misled the
# model; if many are needed, look at the label.
from sentilib.explain import counterfactual

counterfactual(pipe, wrong)

# %%
# Is the label wrong? Models that never saw a review contradict its label.
from sentilib.inspection import find_label_issues

issues = find_label_issues(pipe, X[:400], y[:400], cv=2, random_state=0)
issues[issues["is_issue"]].head()

# %%
# Which kinds of reviews have the most errors?
from sentilib.inspection import slices

slices(pipe, X_test, y_test).head()

# %%
# Does a model that reads the order of words do better, and is the difference more than chance?
from sentilib.inspection import compare

conv = make_pipeline(HTMLTokenizer(), ConvSentimentClassifier(random_state=0)).fit(X, y)
compare(pipe, conv, X_test, y_test, names=("Dense", "CNN"))

# sphinx_gallery_thumbnail_path = "images/report.png"
