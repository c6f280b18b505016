"""The lab: documents of cells, run by a Jupyter kernel. Imports neither torch nor a screen."""
