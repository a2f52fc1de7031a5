"""Measurements on the embedded cloud: what a change costs those who ask meanwhile."""
