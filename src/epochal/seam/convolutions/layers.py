"""Which models convolve, and of which all convolutions can be products: told by their layers, before anything is traced."""

from math import prod

import keras

from ..model.copying import has_own_step

MOST_PLACES = 256  # of a kernel or a window: each is an operation of its own, and to compile many takes long
_KINDS = tuple(getattr(keras.layers, name) for name in (
    "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv1D", "DepthwiseConv2D",
    "SeparableConv1D", "SeparableConv2D", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"))


def has_convolutions(model):
    """Whether a layer of the model convolves, as far as Keras' own layers tell, wherever in it they are kept."""
    return any(True for _ in _convolving(_held(model), set()))


def can_be_products(model):
    """Whether the model convolves and all of that can be products: no kernel is large, and the step is Keras' own.

    A step of the user's own may differentiate by itself, where no walk over its loss would see it.
    """
    kernels = [layer.kernel_size for layer in _convolving(_held(model), set())]
    own = isinstance(model, keras.Model) and has_own_step(model, "train_step")
    return bool(kernels) and all(prod(kernel) <= MOST_PLACES for kernel in kernels) and not own


def _held(model):
    """A model, or the layers that are left of one where its frozen base is computed beforehand."""
    return model if isinstance(model, keras.Layer) else model.layers


def _convolving(held, seen):
    """The convolutional layers among what an object holds: attributes of layers, lists and dicts of them."""
    if id(held) in seen:
        return
    seen.add(id(held))
    if isinstance(held, _KINDS):
        yield held
    elif isinstance(held, keras.Layer | dict):
        for one in (held if isinstance(held, dict) else vars(held)).values():
            yield from _convolving(one, seen)
    elif isinstance(held, list | tuple | set):
        for one in held:
            yield from _convolving(one, seen)
