"""TensorFlow: eager tensors under a GradientTape, with tf.nn.relu."""

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # it writes to the terminal itself, past what Python can redirect

import tensorflow as tf
from numpy.typing import NDArray

from refnet import Params


def _predict(params: Any, x: Any) -> Any:
    w1, b1, w2, b2 = params
    return tf.nn.relu(x @ w1 + b1) @ w2 + b2


def _loss(params: Any, x: Any, y: Any) -> Any:
    return tf.reduce_sum(tf.square(_predict(params, x) - y))


def _tensors(*arrays: NDArray[Any]) -> list[Any]:
    return [tf.constant(array) for array in arrays]


def forward(params: Params[Any], x: NDArray[Any]) -> Any:
    return _predict(_tensors(*params), tf.constant(x)).numpy()


def loss(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> Any:
    return _loss(_tensors(*params), *_tensors(x, y)).numpy()


def grads(params: Params[Any], x: NDArray[Any], y: NDArray[Any]) -> list[Any]:
    tracked = _tensors(*params)
    with tf.GradientTape() as tape:
        tape.watch(tracked)
        total = _loss(tracked, *_tensors(x, y))
    return [gradient.numpy() for gradient in tape.gradient(total, tracked)]
