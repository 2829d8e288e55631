"""The words, the clocks and the threads that every room uses."""
