"""Planning: implementation, folding and queues of each layer, and what they are worth."""

__all__ = ["Folding", "Plan", "Resources", "Stage", "Timing", "estimate", "parse_goal", "plan"]

from hwgen.planning.estimate import Resources, estimate
from hwgen.planning.folding import Folding
from hwgen.planning.plan import Plan, Stage
from hwgen.planning.planner import parse_goal, plan
from hwgen.planning.timing import Timing
