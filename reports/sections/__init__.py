"""The sections of a report: Results in, plain values for the templates out; no statistic."""
