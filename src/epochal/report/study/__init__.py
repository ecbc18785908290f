"""A study as a web page, as tables and pictures, in MLflow and in TensorBoard."""
