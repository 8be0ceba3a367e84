"""Planning: implementation, folding and queues of each layer, and what they are worth."""

__all__ = ["Folding", "Plan", "Resources", "Stage", "Timing", "parse_goal", "plan"]

from hwgen.planning.estimate.resources import Resources
from hwgen.planning.layers.folding import Folding
from hwgen.planning.plan import Plan, Stage
from hwgen.planning.search.planner import parse_goal, plan
from hwgen.planning.timing import Timing
