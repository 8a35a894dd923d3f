"""Keras layers of the CNN. Importing this module imports Keras."""

from typing import Any

from sentilib._training._architecture import Layers
from sentilib._training._layers import MaskedAverage, PaddingMask, keras, ops
from sentilib._training._layers import layers as keras_layers


def layers(architecture: Any, n_ids: int, n_classes: int, policy: str, dropout: Any) -> Layers:
    """Build the layers.

    Masked padding is zero at the input of each block, like positions beyond the border, and is
    excluded from the batch statistics and the pooling.
    """
    rate = architecture.dropout
    is_textbook = dropout is keras_layers.Dropout
    # Each fit sets the weights, and JAX compiles each initializer. That of the output layer stays:
    # a trainer sees by it that an optimizer copies the weights.
    kernel = "glorot_uniform" if is_textbook else "zeros"
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    embedding = keras_layers.Embedding(
        n_ids,
        architecture.embedding_dim,
        embeddings_initializer="uniform" if is_textbook else "zeros",
        dtype=policy,
        name="embedding",
    )
    dropouts = [
        dropout(rate, dtype=policy, name=f"{name}_dropout") for name in ("embedding", "latent")
    ]
    x = dropouts[0](embedding(ids))
    weights = {"embedding": embedding.embeddings}
    is_token = mask = None
    if architecture.mask_padding:
        is_token = PaddingMask(dtype=policy, name="is_token")(ids)
        mask = ops.squeeze(ops.cast(is_token, "bool"), -1)
        x = x * is_token
    for k, n_filters in enumerate(architecture.filters):
        convolution = keras_layers.Conv1D(
            n_filters,
            architecture.kernel_size,
            padding="same",
            use_bias=False,  # the batch normalization that follows would cancel it
            kernel_initializer=kernel,
            dtype=policy,
            name=f"convolution_{k + 1}",
        )
        normalization = keras_layers.BatchNormalization(
            epsilon=architecture.epsilon, dtype=policy, name=f"normalization_{k + 1}"
        )
        x = normalization(convolution(x), mask=mask)
        x = keras_layers.ReLU(dtype=policy, name=f"relu_{k + 1}")(x)
        if is_token is not None:
            x = x * is_token
        weights |= {
            f"kernel_{k}": convolution.kernel,
            f"gamma_{k}": normalization.gamma,
            f"beta_{k}": normalization.beta,
            f"mean_{k}": normalization.moving_mean,
            f"variance_{k}": normalization.moving_variance,
        }
    if architecture.pooling == "max":
        x = keras_layers.GlobalMaxPooling1D(dtype=policy, name="pooling")(x)
    elif architecture.pooling != "average":
        raise ValueError(f"pooling={architecture.pooling!r} is not known.")
    elif is_token is not None:
        x = MaskedAverage(architecture.n_neutral, dtype=policy, name="pooling")(x, is_token)
    else:
        x = keras_layers.GlobalAveragePooling1D(dtype=policy, name="pooling")(x)
    head = keras_layers.Dense(n_classes, dtype="float32", name="logits")
    logits = head(dropouts[1](x))
    weights |= {"head": head.kernel, "bias": head.bias}
    return Layers([ids], logits, weights, dropouts)
