"""What serving a Keras model usually looks like: an endpoint that calls `predict`."""

import os
from typing import Any

import keras
import numpy as np
from fastapi import FastAPI

STEPS = 120

app = FastAPI()
model = keras.models.load_model(os.environ["BENCH_MODEL"])


def blank(shape: tuple[int | None, ...]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Zeros for an input of the model: one lane, and where it has steps a whole window of them."""
    _, *rest = shape
    return np.zeros((1, *(STEPS if size is None else size for size in rest)))


window = [blank(tensor.shape) for tensor in model.inputs]


@app.get("/readyz")
def ready() -> dict[str, str]:
    """Say that the model is loaded."""
    return {"status": "ready"}


@app.post("/predict")
def predict() -> list[float]:
    """Forecast 24 points from a window of 120 steps."""
    outputs = model.predict(window, verbose=0)
    first = outputs[0] if isinstance(outputs, list) else outputs
    points: list[float] = np.asarray(first)[0, -1].ravel().tolist()
    return points
