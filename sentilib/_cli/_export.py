"""sentilib export: a model for other programs, or smaller."""

import tempfile
from pathlib import Path
from typing import Any

import click

from sentilib._cli import _options
from sentilib._cli._errors import say
from sentilib._files import atomic_write


@click.command(
    epilog=_options.examples(
        "sentilib export model.skops model.onnx tokenizer.json",
        "sentilib export model.skops small.skops --max-ngrams 100000",
        "sentilib export model.skops model.keras",
    )
)
@_options.MODEL
@click.argument("outputs", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--max-ngrams",
    type=click.IntRange(0),
    default=350_000,
    show_default=True,
    help="For .skops: number of phrases that the smaller model keeps.",
)
@click.option(
    "--bits",
    type=click.Choice(["8", "16", "32"]),
    default="8",
    show_default=True,
    help="For .skops: bits of each weight of the smaller model; 32 does not round.",
)
@_options.OVERWRITE
@_options.UNSAFE
def export(
    model_path: str,
    outputs: tuple[str, ...],
    max_ngrams: int,
    bits: str,
    overwrite: bool,
    unsafe: bool,
) -> None:
    """Write a model for other programs, or a smaller one.

    MODEL is a file that `sentilib train` has written. The suffix of a FILE tells what it becomes:
    .onnx, the model for ONNX Runtime (C, C#, Java, JavaScript, Python, ...); .json, the tokenizer
    for Hugging Face's tokenizers, for text without markup; .keras, the model for Keras; .skops, a
    smaller model for sentilib, whose least important phrases are left out. The page docs/export.md
    of sentilib shows how to use them.
    """
    from sentilib._cli._models import load_model

    writers: dict[str, Any] = {
        ".onnx": _onnx,
        ".json": _tokenizer,
        ".keras": _keras,
        ".skops": lambda model, path: _compressed(model, path, max_ngrams, int(bits)),
    }
    targets = [_options.new_file(output, overwrite=overwrite) for output in outputs]
    for target in targets:
        if target.suffix.lower() not in writers:
            raise click.UsageError(
                f"The name {str(target)!r} does not tell what to write: expected .onnx, .json, "
                ".keras or .skops."
            )
        if target.exists() and target.samefile(model_path):
            raise ValueError(f"{str(target)!r} is input and output: choose another output.")
    model = load_model(model_path, unsafe=unsafe)
    for target in targets:
        writers[target.suffix.lower()](model, target)
        say(f"{target}: {target.stat().st_size / 1e6:.1f} MB.")


def _onnx(model: Any, path: Path) -> None:
    from sentilib.export import to_onnx

    to_onnx(model, path)


def _tokenizer(model: Any, path: Path) -> None:
    from sentilib.export import to_tokenizer_json

    to_tokenizer_json(model, path)


def _keras(model: Any, path: Path) -> None:
    from sentilib._pipelines import Parts

    parts = Parts.of(model)
    if parts.model is None:
        raise ValueError(f"A {parts.name} of several models is no Keras model.")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.keras")
        parts.model.to_keras().save(file)
        with atomic_write(path) as stream:
            stream.write(file.read_bytes())


def _compressed(model: Any, path: Path, max_ngrams: int, bits: int) -> None:
    from sentilib import compress
    from sentilib._cli._models import save_model

    save_model(compress(model, max_ngrams=max_ngrams, bits=bits), path)
