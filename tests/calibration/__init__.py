"""Simulations that compare the verdicts' error rates with what they are said to be."""
