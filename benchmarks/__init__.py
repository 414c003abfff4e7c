"""Speed and memory of the whole way, as ratios measured in one run against stock tools: `python -m benchmarks`."""
