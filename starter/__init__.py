"""The starter models and the recipe that makes them: texts, speech, training, evaluation."""
