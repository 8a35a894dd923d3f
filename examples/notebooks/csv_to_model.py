"""
From a CSV to a model that you understand
=========================================

Load a CSV, fit a model, and look at what it learned. The CSV is written here, from generated
reviews: replace ``path`` and the names of the columns by yours.
"""

# %%
import csv
import tempfile
from pathlib import Path

from sentilib.datasets import make_reviews

folder = Path(tempfile.mkdtemp())
path = folder / "reviews.csv"
texts, ratings = make_reviews(1500, length=50, random_state=0)
with open(path, "w", encoding="utf-8", newline="") as stream:
    writer = csv.writer(stream)
    writer.writerow(["review", "sentiment"])
    writer.writerows(
        (text, ["negative", "positive"][k]) for text, k in zip(texts, ratings, strict=True)
    )

# %%
# Read
# ----
import pandas

data = pandas.read_csv(path)
train, test = data[:1200], data[1200:]
data.head()

# %%
# Fit
# ---
from sklearn.pipeline import make_pipeline

from sentilib import DenseSentimentClassifier, HTMLTokenizer

pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
pipe.fit(train["review"], train["sentiment"])

# %%
# How good is it, and compared to what? Always guessing the most frequent class is right in:
most_frequent = test["sentiment"].value_counts(normalize=True).max()
accuracy = pipe.score(test["review"], test["sentiment"])
print(f"most frequent class {most_frequent:.3f}, model {accuracy:.3f}")

# %%
# Understand
# ----------
# What do single words contribute? Values are Shapley values: with the base value, they add up to
# the log-odds of the prediction.
from sentilib import TokenShapExplainer

explainer = TokenShapExplainer(pipe)
reviews = [
    "The plot was superb, but the actors were not convincing at all.",
    test["review"].iloc[0],
]
explanation = explainer(reviews)
explanation

# %%
# Which words, over all reviews?
from sentilib.explain import TokenImportanceDisplay

TokenImportanceDisplay.from_explanation(explainer.explain(test["review"][:200])).plot()

# %%
# Which few words decide? Without them the prediction would be the other one.
from sentilib.explain import counterfactual

counterfactual(pipe, reviews)

# %%
# Everything in one file, in which reviews can be edited and predicted again:
from sentilib.inspection import report

output = Path("csv_to_model_output")
output.mkdir(exist_ok=True)
report(pipe, test["review"], test["sentiment"], path=output / "report.html", random_state=0)
