"""*Lab*: documents of cells, the kernel that runs them, and what it holds."""
