"""Rules of protocols as assertions around components, proven by yosys."""
