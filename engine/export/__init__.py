"""What leaves the program of a run: a training script, its numbers, a model card."""
