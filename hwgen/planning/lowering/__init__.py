"""What the implementations share: encodings, DSP blocks, constants, and what follows the sums."""
