"""Everything that uses Keras: devices, precision, graphs, the training loop."""
