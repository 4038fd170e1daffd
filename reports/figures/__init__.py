"""Figures: each module works out what is to be drawn as plain values first, and draws it second."""
