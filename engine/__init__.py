"""What happens: data, models, training, runs and checkpoints. Knows no screen and no terminal."""
