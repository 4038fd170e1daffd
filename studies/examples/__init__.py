"""Trainings of one's own, each in a few lines: with a loop, with other people's tools."""
