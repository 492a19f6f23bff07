"""Strangers' files are opened by processes that may die: ``child`` is one, ``isolation`` the pool that others call."""
