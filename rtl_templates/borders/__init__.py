"""Around an accelerator's streams: registers, and a mover of frames between streams and memory."""
