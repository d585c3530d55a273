"""What the benchmarks share: figures and ratios, processes, and the peers they are held against."""
