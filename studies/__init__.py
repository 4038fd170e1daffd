"""Predefined studies: one file per question, each exporting ``study``."""
