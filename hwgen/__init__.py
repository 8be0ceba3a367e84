"""hwgen: from a PyTorch network to an FPGA or ASIC, bit for bit."""
