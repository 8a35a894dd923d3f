"""ONNX graphs of tables."""
