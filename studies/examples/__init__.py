"""Short studies whose training is the user's own: a loop, a sequence, scikit-learn, a command."""
