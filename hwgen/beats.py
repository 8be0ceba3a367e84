from hwgen.simulation.stream import Stream
