"""Radiotherapy objects of the repository: what belongs together, read once, laid over images, summed in histograms."""
