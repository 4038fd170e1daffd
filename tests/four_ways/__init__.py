"""One study, declared in each of the four ways to a trial: digits, an MLP, width against rate."""
