"""Training: architectures, and everything that uses Keras (graphs, loop, optimizers, devices)."""
