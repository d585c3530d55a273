"""What runs, drawn and tabled: text, Graphviz, Mermaid, JSON. All of it pure."""
