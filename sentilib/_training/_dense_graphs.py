"""Keras layers of the Dense model. Importing this module imports Keras."""

from typing import Any

from sentilib._training._architecture import Layers
from sentilib._training._backend import backend
from sentilib._training._dense_steps import DenseSteps
from sentilib._training._layers import (
    MaskedAverage,
    PaddingMask,
    SharedDropout,
    VocabularyAverage,
    keras,
    layers,
)


def textbook(architecture: Any, n_ids: int, n_classes: int) -> Layers:
    """Build the layers position by position."""
    rate = architecture.dropout
    embedding = layers.Embedding(
        n_ids, architecture.embedding_dim, dtype="float32", name="embedding"
    )
    hidden = layers.Dense(
        architecture.hidden_units, activation="relu", dtype="float32", name="hidden"
    )
    head = layers.Dense(n_classes, dtype="float32", name="logits")
    dropouts = [
        layers.Dropout(rate, dtype="float32", name=f"{name}_dropout")
        for name in ("embedding", "latent")
    ]
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    x = hidden(dropouts[0](embedding(ids)))
    if architecture.mask_padding:
        x = MaskedAverage(architecture.n_neutral, dtype="float32", name="average")(
            x, PaddingMask(dtype="float32", name="is_token")(ids)
        )
    else:
        x = layers.GlobalAveragePooling1D(dtype="float32", name="average")(x)
    return Layers(
        inputs=[ids],
        logits=head(dropouts[1](x)),
        weights={
            "embedding": embedding.embeddings,
            "hidden_kernel": hidden.kernel,
            "hidden_bias": hidden.bias,
            "head": head.kernel,
            "bias": head.bias,
        },
        dropouts=[],
    )


def training(architecture: Any, n_ids: int, n_classes: int) -> Layers:
    """Build layers that are applied to the vocabulary, once per batch."""
    rate = architecture.dropout
    average = VocabularyAverage(
        n_ids,
        architecture.embedding_dim,
        architecture.hidden_units,
        rate,
        name="vocabulary_average",
    )
    dropout = SharedDropout(rate, dtype="float32", name="latent_dropout")
    head = layers.Dense(n_classes, dtype="float32", name="logits")
    bags = backend().sparse_input(n_ids, "word_bags")
    return Layers(
        inputs=[bags],
        logits=head(dropout(average(bags))),
        weights={
            "embedding": average.embedding,
            "hidden_kernel": average.kernel,
            "hidden_bias": average.bias,
            "head": head.kernel,
            "bias": head.bias,
        },
        dropouts=[average.dropout, dropout],
        steps=DenseSteps,
    )
