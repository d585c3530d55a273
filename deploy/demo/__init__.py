"""The demo: a broadcast through five nodes, its screen, and its proof."""
