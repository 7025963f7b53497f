"""What serving a Keras model usually looks like: an endpoint that calls `predict`."""

import os

import keras
import numpy as np
from fastapi import FastAPI

STEPS = 120

app = FastAPI()
model = keras.models.load_model(os.environ["BENCH_MODEL"])
window = [
    np.zeros((1, STEPS, tensor.shape[-1]) if len(tensor.shape) == 3 else (1, tensor.shape[-1]))
    for tensor in model.inputs
]


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
