"""What runs inside the simulator process. Sees a package folder's Verilog and nothing of hwgen.

`harness.v` surrounds the package in simulation and does all that happens in a cycle; `bench` is
the cocotb test that waits for it and writes down what it found; `runner` compiles and starts
both on Verilator or Icarus.
"""
