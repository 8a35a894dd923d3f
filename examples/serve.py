"""Serve predictions and explanations over HTTP
============================================

Serve the predictions and explanations of a saved pipeline over HTTP, as JSON.

::

    python examples/serve.py pipe.skops
    curl localhost:8000/predict --json '{"reviews": ["A superb film!", "Awful."]}'
    curl localhost:8000/explain --json '{"reviews": ["A superb film!"]}'

The file is one of skops, which runs no code: docs/serving.md shows how to write it, how to install
what this needs (``requirements/serve.txt``, without Keras), and what the limits protect against.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio.to_thread
import numpy as np
import skops.io
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sklearn.pipeline import Pipeline

import sentilib


class Limits(NamedTuple):
    """What one client may ask for, and all together."""

    characters: int = 50_000  # of a review; the longest of IMDB has 13,704
    reviews: int = 100  # of a request
    request_bytes: int = 500_000
    waiting_bytes: int = 2_000_000  # of all requests that are received, wait or are computed
    seconds: float = 10.0  # in which a request must have arrived


class Batch(BaseModel):
    """Body of a request."""

    model_config = ConfigDict(strict=True, extra="forbid")

    reviews: list[str]


class Prediction(BaseModel):
    """Most probable label of a review, and the probabilities in the order of the classes."""

    label: Any
    probabilities: list[float]


class Predictions(BaseModel):
    """Answer of /predict."""

    classes: list[Any]
    predictions: list[Prediction]


class Word(BaseModel):
    """A word with the text up to the next one, and its contribution to each output."""

    text: str
    values: list[float]


class Explanation(BaseModel):
    """Each output is its base value plus the values of all words, except for rounding errors."""

    base_values: list[float]
    words: list[Word]


class Explanations(BaseModel):
    """Answer of /explain."""

    outputs: list[str]
    explanations: list[Explanation]


class Gate:
    """ASGI middleware that receives a request's body, or refuses it; nothing else waits meanwhile.

    Every byte counts from its arrival to the answer, so that the memory of all requests, and the
    time for which a request waits for those before it, are bounded whatever clients send.
    """

    def __init__(self, app: Any, limits: Limits) -> None:
        self.app, self.limits, self.n_bytes = app, limits, 0

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Receive a request's body and pass both to the application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = bytearray()
        try:
            refusal = await self._receive(scope, receive, body)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
            messages = iter([{"type": "http.request", "body": bytes(body), "more_body": False}])

            async def received() -> dict:
                return next(messages, None) or await receive()

            await self.app(scope, received, send)
        finally:
            self.n_bytes -= len(body)

    async def _receive(self, scope: dict, receive: Callable, body: bytearray) -> Any:
        """Fill the body; return the answer if it is refused."""
        limits = self.limits
        too_large = f"The request has more than {limits.request_bytes:,} bytes: send less at once."
        try:
            if int(dict(scope["headers"]).get(b"content-length", 0)) > limits.request_bytes:
                return answer(413, too_large, connection="close")
            async with asyncio.timeout(limits.seconds):
                while True:
                    message = await receive()
                    chunk = message.get("body", b"")
                    body += chunk
                    self.n_bytes += len(chunk)
                    if len(body) > limits.request_bytes:
                        return answer(413, too_large, connection="close")
                    if self.n_bytes > limits.waiting_bytes:
                        busy = "The server is busy: try again in a few seconds."
                        return answer(503, busy, connection="close", retry_after="5")
                    if not message.get("more_body"):
                        return None
        except TimeoutError:
            late = f"The request did not arrive within {limits.seconds:g} seconds."
            return answer(408, late, connection="close")


def answer(status: int, sentence: str, **headers: str) -> JSONResponse:
    """Return an answer that says in one sentence why there is no other."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse({"detail": sentence}, status, named)


def load(path: Path) -> Pipeline:
    """Load a pipeline, whose work on a request takes one thread: requests share the cores."""
    pipe = skops.io.load(path, trusted=sentilib.TRUSTED_TYPES)
    return pipe.set_params(**{name: 1 for name in pipe.get_params() if name.endswith("n_jobs")})


def make_app(pipe: Pipeline, limits: Limits, n_threads: int) -> FastAPI:
    """Return the application; its first answers take no longer than others."""
    explainer = sentilib.TokenShapExplainer(pipe, n_jobs=1)
    explainer.explain(["A first review."])
    classes = pipe.classes_.tolist()

    @asynccontextmanager
    async def prepare(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = n_threads
        yield

    app = FastAPI(title="sentilib", version=sentilib.__version__, lifespan=prepare)
    app.add_middleware(Gate, limits=limits)

    @app.exception_handler(RequestValidationError)
    def refuse(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return answer(
            422, f"{place}: {first['msg']}. Expected JSON such as {{'reviews': ['...']}}."
        )

    def checked(batch: Batch) -> list[str]:
        reviews = batch.reviews
        if not reviews:
            raise HTTPException(422, "The list of reviews is empty: send at least one.")
        if len(reviews) > limits.reviews:
            sentence = f"{len(reviews):,} reviews are more than {limits.reviews:,}: send less."
            raise HTTPException(413, sentence)
        for row, review in enumerate(reviews):
            try:
                review.encode()
            except UnicodeEncodeError:
                sentence = f"Review {row} contains half a surrogate pair, which is no character."
                raise HTTPException(422, sentence) from None
            if len(review) > limits.characters:
                sentence = f"Review {row} has {len(review):,} characters, more than "
                raise HTTPException(413, f"{sentence}{limits.characters:,}: shorten it.")
        return reviews

    @app.get("/health")
    async def health() -> dict:
        """Answer as soon as the model is loaded, whatever is computed."""
        return {"status": "ready", "classes": classes}

    # Plain dictionaries: these answers need no validation
    @app.post("/predict", response_model=Predictions)
    def predict(batch: Batch) -> JSONResponse:
        """Predict the label of each review."""
        probabilities = pipe.predict_proba(checked(batch))
        best = probabilities.argmax(axis=1).tolist()
        predictions = [
            {"label": classes[k], "probabilities": row}
            for k, row in zip(best, probabilities.tolist(), strict=True)
        ]
        return JSONResponse({"classes": classes, "predictions": predictions})

    @app.post("/explain", response_model=Explanations)
    def explain(batch: Batch) -> JSONResponse:
        """Compute how much each word contributes to the prediction."""
        found = explainer.explain(checked(batch))
        names = found.output_names
        outputs = [names] if isinstance(names, str) else names
        explanations = []
        for base, texts, values in zip(found.base_values, found.data, found.values, strict=True):
            rows = zip(texts, values.reshape(-1, len(outputs)).tolist(), strict=True)
            words = [{"text": text, "values": row} for text, row in rows]
            explanations.append({"base_values": np.atleast_1d(base).tolist(), "words": words})
        return JSONResponse({"outputs": outputs, "explanations": explanations})

    return app


def main(argv: list[str] | None = None) -> None:
    """Run the server until it receives SIGTERM or SIGINT; running requests are still answered."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="pipeline in a file of skops")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 listens to other machines")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="that compute")
    parser.add_argument("--connections", type=int, default=1000, help="more are answered by 503")
    for name, value in Limits()._asdict().items():
        option = f"--max-{name.replace('_', '-')}"
        parser.add_argument(option, type=type(value), default=value, dest=name, help="limit")
    options = parser.parse_args(argv)
    limits = Limits(*(getattr(options, name) for name in Limits._fields))
    try:
        app = make_app(load(options.model), limits, options.threads)
    except Exception as error:
        sys.exit(f"{options.model} cannot be served: {type(error).__name__}: {error}")
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        limit_concurrency=options.connections,
        timeout_graceful_shutdown=30,
        access_log=False,
    )


if __name__ == "__main__":
    main()
