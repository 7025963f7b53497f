"""Recurrent loops with hand-written gradients, compiled for the CPU.

TensorFlow's gradient of a loop repeats in every step what one operation can do for all steps.
Here the inputs are multiplied by their weights before the loop, the forward loop stores the
derivatives of its activations, the backward loop only propagates, and the gradient of the weights
is one matrix product at the end (Appleyard et al. 2016, arXiv 1604.01946, section 3).

All sequences are `(steps, batch, width)` of float32.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from models.network.losses import Tensor

Step = Callable[..., tuple[list[Tensor], list[Tensor]]]
Gradient = Callable[..., tuple[Tensor, ...]]


@tf.custom_gradient  # type: ignore[untyped-decorator]
def simple_rnn_loop(
    projected: Tensor, recurrent: Tensor, h0: Tensor
) -> tuple[tuple[Tensor, ...], Gradient]:
    """`h = tanh(x + h R)` over all steps.

    Args:
        projected: `(steps, batch, units)`, the inputs times their weights.
        recurrent: `(units, units)`.
        h0: `(batch, units)`.

    Returns:
        All `h` `(steps, batch, units)` and the last one, and the function of their gradients.
    """

    def forward(step: Tensor, h: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        h = tf.tanh(projected[step] + tf.matmul(h, recurrent))
        return [h], [h]

    (last,), (hs,) = _run(forward, tf.shape(projected)[0], [h0], [projected.shape[2]])

    def gradient(d_hs: Tensor, d_last: Tensor) -> tuple[Tensor, ...]:
        slope, transposed = 1 - hs * hs, tf.transpose(recurrent)

        def back(step: Tensor, d_h: Tensor) -> tuple[list[Tensor], list[Tensor]]:
            d_z = (d_h + d_hs[step]) * slope[step]
            return [tf.matmul(d_z, transposed)], [d_z]

        (d_h0,), (d_zs,) = _run(back, tf.shape(hs)[0], [d_last], [hs.shape[2]], backwards=True)
        return d_zs, _outer(_shifted(h0, hs), d_zs), d_h0

    return (hs, last), gradient


@tf.custom_gradient  # type: ignore[untyped-decorator]
def lstm_loop(
    projected: Tensor, recurrent: Tensor, h0: Tensor, c0: Tensor
) -> tuple[tuple[Tensor, ...], Gradient]:
    """`c = f c + i g`, `h = o tanh(c)` over all steps; gates in Keras' order i, f, g, o.

    Args:
        projected: `(steps, batch, 4 * units)`, the inputs times their weights.
        recurrent: `(units, 4 * units)`.
        h0: `(batch, units)`.
        c0: `(batch, units)`.

    Returns:
        All `h` `(steps, batch, units)`, the last `h` and `c`, and the function of their gradients.
    """
    units = recurrent.shape[0]

    def forward(step: Tensor, h: Tensor, c: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        i, f, g, o = tf.split(projected[step] + tf.matmul(h, recurrent), 4, 1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        after = f * c + i * g
        squashed = tf.tanh(after)
        h = o * squashed
        slopes = [g * i * (1 - i), c * f * (1 - f), i * (1 - g * g), squashed * o * (1 - o)]
        return [h, after], [tf.concat(slopes, 1), o * (1 - squashed * squashed), f, h]

    widths = [4 * units, units, units, units]
    last, (slopes, h_to_c, fs, hs) = _run(forward, tf.shape(projected)[0], [h0, c0], widths)

    def gradient(d_hs: Tensor, *d_last: Tensor) -> tuple[Tensor, ...]:
        transposed = tf.transpose(recurrent)

        def back(step: Tensor, d_h: Tensor, d_c: Tensor) -> tuple[list[Tensor], list[Tensor]]:
            d_h = d_h + d_hs[step]
            d_c = d_c + d_h * h_to_c[step]
            d_z = tf.concat([d_c, d_c, d_c, d_h], 1) * slopes[step]
            return [tf.matmul(d_z, transposed), d_c * fs[step]], [d_z]

        d_first, (d_zs,) = _run(back, tf.shape(hs)[0], [*d_last], [4 * units], backwards=True)
        return d_zs, _outer(_shifted(h0, hs), d_zs), *d_first

    return (hs, *last), gradient


@tf.custom_gradient  # type: ignore[untyped-decorator]
def gru_loop(
    projected: Tensor, recurrent: Tensor, bias: Tensor, h0: Tensor
) -> tuple[tuple[Tensor, ...], Gradient]:
    """`g = tanh(x + r (h R + b))`, `h = z h + (1 - z) g` over all steps; order z, r, g.

    Args:
        projected: `(steps, batch, 3 * units)`, the inputs times their weights.
        recurrent: `(units, 3 * units)`.
        bias: `(3 * units,)`, added to `h R`.
        h0: `(batch, units)`.

    Returns:
        All `h` `(steps, batch, units)` and the last one, and the function of their gradients.
    """
    units = recurrent.shape[0]
    parts = [2 * units, units]

    def forward(step: Tensor, h: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        x_gates, x_new = tf.split(projected[step], parts, 1)
        h_gates, h_new = tf.split(tf.matmul(h, recurrent) + bias, parts, 1)
        z, r = tf.split(tf.sigmoid(x_gates + h_gates), 2, 1)
        new = tf.tanh(x_new + r * h_new)
        slope = (1 - z) * (1 - new * new)
        slopes = [(h - new) * z * (1 - z), slope * h_new * r * (1 - r), slope * r]
        h = new + z * (h - new)
        return [h], [tf.concat(slopes, 1), slope, z, h]

    widths = [3 * units, units, units, units]
    (last,), (slopes, slope, zs, hs) = _run(forward, tf.shape(projected)[0], [h0], widths)

    def gradient(d_hs: Tensor, d_last: Tensor) -> tuple[Tensor, ...]:
        transposed = tf.transpose(recurrent)

        def back(step: Tensor, d_h: Tensor) -> tuple[list[Tensor], list[Tensor]]:
            d_h = d_h + d_hs[step]
            d_product = tf.tile(d_h, [1, 3]) * slopes[step]
            return [d_h * zs[step] + tf.matmul(d_product, transposed)], [d_product, d_h]

        (d_h0,), (d_products, d_all) = _run(
            back, tf.shape(hs)[0], [d_last], [3 * units, units], backwards=True
        )
        d_projected = tf.concat([d_products[:, :, : 2 * units], d_all * slope], 2)
        d_bias = tf.reduce_sum(d_products, [0, 1])
        return d_projected, _outer(_shifted(h0, hs), d_products), d_bias, d_h0

    return (hs, last), gradient


def _run(
    body: Step, steps: Tensor, states: list[Tensor], widths: list[int], *, backwards: bool = False
) -> tuple[list[Tensor], list[Tensor]]:
    """Run a body over the steps and return its last states, and each output of all steps.

    Args:
        body: From the number of a step and the states to new states and outputs.
        steps: How many steps.
        states: The states of the first step, `(batch, units)` each.
        widths: Width of each output.
        backwards: Whether to run from the last step to the first.
    """
    shapes = [(states[0].shape[0], width) for width in widths]
    arrays = [tf.TensorArray(tf.float32, steps, element_shape=shape) for shape in shapes]

    def once(done: Tensor, states: list[Tensor], arrays: list[Any]) -> tuple[Any, ...]:
        step = steps - 1 - done if backwards else done
        states, outputs = body(step, *states)
        written = [array.write(step, out) for array, out in zip(arrays, outputs, strict=True)]
        return done + 1, states, written

    _, states, arrays = tf.while_loop(
        lambda done, *_: done < steps, once, (0, states, arrays), maximum_iterations=steps
    )
    return states, [array.stack() for array in arrays]


def _shifted(first: Tensor, sequence: Tensor) -> Tensor:
    """The value before each step of a sequence, which begins after `first`."""
    return tf.concat([first[tf.newaxis], sequence[:-1]], 0)


def _outer(left: Tensor, right: Tensor) -> Tensor:
    """The sum over all steps and rows of `left^T right`, in one matrix product."""
    flat = (tf.reshape(each, (-1, each.shape[2])) for each in (left, right))
    return tf.matmul(*flat, transpose_a=True)
