"""Train recurrent layers of Keras with the loops of `models.network.kernels_loops`.

A network stays a plain Keras model. Training runs a second model over the same variables.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from models.network.kernels import is_covered
from models.network.kernels_loops import gru_loop, lstm_loop, simple_rnn_loop
from models.network.losses import Tensor


def with_kernels(network: keras.Model) -> keras.Model:
    """The same network over the same variables, with kernels for its recurrent layers.

    Args:
        network: A functional model; it is not changed, and its layers are shared.

    Returns:
        A model with the same inputs and outputs. Layers without a kernel run as they are.
    """
    return keras.models.clone_model(network, clone_function=_with_kernel)


def _with_kernel(layer: keras.layers.Layer) -> keras.layers.Layer:
    known = type(layer) in LOOPS and layer.compute_dtype == "float32"
    return KernelLayer(layer) if known and is_covered(layer.get_config()) else layer


class KernelLayer(keras.layers.Layer):  # type: ignore[misc]
    """Calls a recurrent layer of Keras with a kernel instead of the loop of Keras.

    Args:
        layer: A built `SimpleRNN`, `LSTM` or `GRU` whose configuration `is_covered`; its variables
            are used.
    """

    def __init__(self, layer: keras.layers.Layer) -> None:
        super().__init__(name=layer.name)
        self.layer = layer
        self.supports_masking = True

    def compute_mask(self, sequence: Tensor, previous_mask: Any) -> Any:
        """The mask that the layer computes."""
        return self.layer.compute_mask(sequence, previous_mask)

    def call(
        self,
        sequence: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Tensor | list[Tensor]:
        """Run the layer; returns its output, and its states if the layer returns them.

        Args:
            sequence: `(batch, steps, features)`.
            initial_state: `(batch, units)`, one of them or a list; zeros if None.
            mask: Steps to leave out; with a mask the loop of Keras runs.
            training: Whether dropout is applied to the inputs.
        """
        layer, cell = self.layer, self.layer.cell
        if mask is not None:
            return layer(sequence, initial_state=initial_state, mask=mask, training=training)
        if initial_state is None:
            initial_state = layer.get_initial_state(batch_size=tf.shape(sequence)[0])
        inputs = tf.transpose(self._dropped(sequence, training), (1, 0, 2))
        if layer.go_backwards:
            inputs = tf.reverse(inputs, axis=[0])
        loop = LOOPS[type(layer)]
        outputs, *states = loop(cell, inputs, keras.tree.flatten(initial_state))
        # The loop's shapes are known when it runs, but the following layers are built before.
        outputs = tf.ensure_shape(outputs, (sequence.shape[1], sequence.shape[0], layer.units))
        result = tf.transpose(outputs, (1, 0, 2)) if layer.return_sequences else states[0]
        return [result, *states] if layer.return_state else result

    def _dropped(self, sequence: Tensor, training: bool) -> Tensor:
        """The inputs with dropout by one mask for all steps, drawn as Keras draws it."""
        cell = self.layer.cell
        if not (training and cell.dropout):
            return sequence
        mask = cell.get_dropout_mask(sequence[:, 0, :])
        cell.reset_dropout_mask()
        return sequence * mask[:, tf.newaxis, :]


def _simple_rnn(cell: Any, inputs: Tensor, states: list[Tensor]) -> Any:
    projected = _projected(inputs, cell.kernel, cell.bias)
    return simple_rnn_loop(projected, tf.convert_to_tensor(cell.recurrent_kernel), *states)


def _lstm(cell: Any, inputs: Tensor, states: list[Tensor]) -> Any:
    projected = _projected(inputs, cell.kernel, cell.bias)
    return lstm_loop(projected, tf.convert_to_tensor(cell.recurrent_kernel), *states)


def _gru(cell: Any, inputs: Tensor, states: list[Tensor]) -> Any:
    bias, recurrent_bias = None, tf.zeros(3 * cell.units)
    if cell.bias is not None:
        bias, recurrent_bias = tf.unstack(tf.convert_to_tensor(cell.bias))
    projected = _projected(inputs, cell.kernel, bias)
    recurrent = tf.convert_to_tensor(cell.recurrent_kernel)
    return gru_loop(projected, recurrent, recurrent_bias, *states)


# From a cell, its inputs `(steps, batch, features)` and its states to the outputs of all steps and
# the states after the last one.
LOOPS: dict[type[keras.layers.Layer], Callable[[Any, Tensor, list[Tensor]], Any]] = {
    keras.layers.SimpleRNN: _simple_rnn,
    keras.layers.LSTM: _lstm,
    keras.layers.GRU: _gru,
}


def _projected(inputs: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """The inputs of all steps times their weights, plus the bias, in one matrix product."""
    projected = tf.tensordot(inputs, tf.convert_to_tensor(kernel), 1)
    return projected if bias is None else projected + bias
