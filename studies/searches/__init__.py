"""Short searches to copy from: `harness search searches.mnist_cnn`."""
