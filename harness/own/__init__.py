"""Trainings of the user's own: what a function or a command is given, and how it is run.

In reading order: :mod:`~harness.own.seeds`, all that a result may rest on here.
"""
