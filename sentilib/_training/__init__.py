"""All that knows Keras: devices, precision, graphs, the loop."""
