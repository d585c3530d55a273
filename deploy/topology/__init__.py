"""Topology files: TOML to a plan, with every mistake at its line."""

from kamesh.deploy.topology.reading import load_component, read_topology

__all__ = ["load_component", "read_topology"]
