"""Compilation of kernels, and the threads that run them."""
