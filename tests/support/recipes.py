"""A recipe with every key."""

WHOLE = """
epochs = 30

[prune]
channels = 0.5
shapes = 0.25
stripes = 0.5
weights = 0.75
blocks = 1
epochs = 4
importance = "taylor"
scope = "global"
multiple = 4
group = 2
skeleton = 1e-4
steps = 3
growth = "cubic"

[prune.layers]
"block.0.conv" = 0.25
fc = 0

[prune.target]
parameters = 5000
macs = 100000
sparsity = 0.8
cost = 1500
accuracy = 0.95

[quantize]
weights = "cb4:8"
activations = "uint4"
input = "int8"
output = "none"
scales = "power_of_two"
asymmetric = true
epochs = 12
calibration = "kl"
per_channel = false
equalize = true
correct_bias = true
steps = "lsq"
levels = [-3, 0, 5]
budget = 1e5
candidates = ["cb4:8", "int8"]
tune = 2
drop = 0.01
frozen_norms = 3
tables = 9

[quantize.layers]
fc = "int8/uint6"
"""
