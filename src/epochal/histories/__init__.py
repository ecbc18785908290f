"""A training's recorded curves, whoever kept them (Keras, CSVLogger, TensorBoard, MLflow), become one `History`."""

from .read import history_of as history_of
