"""The rows of the benchmark, in the order of the table. Each module has `run(quick)`, which gives a Row."""
