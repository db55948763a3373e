"""What the three trainings share: budgets, checkpoints, learning curves, optimizers."""
