"""Resuming: checkpoints, the folder of a run, and random numbers that go on where they were."""
