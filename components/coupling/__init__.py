"""Coupling: backplanes of several nodes made one."""
