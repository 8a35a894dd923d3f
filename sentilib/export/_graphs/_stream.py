"""The tokens of all rows, one after the other: most cells of a padded matrix are no token."""

from dataclasses import dataclass

import numpy as np

from sentilib._ids import OOV, PAD
from sentilib.export._graphs._graph import Graph


@dataclass(frozen=True)
class Stream:
    """Nodes of the tokens of all rows.

    After each run of tokens is one padding, over which no n-gram extends.
    """

    graph: Graph
    ids: str  # int64 (n_places,), ids that the model knows, or OOV
    starts: str  # int64 (n_rows,), place of each row's first token
    ends: str  # int64 (n_rows,)
    n_tokens: str  # float64 (n_rows, 1)

    @classmethod
    def of(cls, graph: Graph, matrix: str, n_ids: int) -> "Stream":
        """Add the nodes that read a matrix of ids, int32 (n_rows, n_tokens)."""
        axis = np.array([1])
        is_token = graph.cast(matrix, bool)
        edge = graph.add("Shape", matrix, start=0, end=1)
        edge = graph.add("Concat", edge, np.array([1]), axis=0)
        no, pad = (graph.add("Expand", np.zeros(1, dtype), edge) for dtype in (bool, np.int32))
        is_kept = graph.add(
            "Or",
            graph.add("Concat", is_token, no, axis=1),
            graph.add("Concat", no, is_token, axis=1),
        )
        flat = graph.add("Reshape", is_kept, np.array([-1]))
        ids = graph.add("Compress", graph.add("Concat", matrix, pad, axis=1), flat)
        counts = graph.sum(graph.cast(is_kept, np.int64), 1)
        ends = graph.add("CumSum", counts, np.array(0))
        n_tokens = graph.sum(graph.cast(is_token, np.float64), 1)
        return cls(
            graph,
            known(graph, ids, n_ids),
            graph.add("Sub", ends, counts),
            ends,
            graph.add("Unsqueeze", n_tokens, axis),
        )

    def sums(self, values: str, n_columns: int) -> str:
        """Sum values (n_places, n_columns), float64, over each row: (n_rows, n_columns)."""
        graph = self.graph
        cumulated = graph.add("CumSum", values, np.array(0))
        cumulated = graph.add("Concat", np.zeros((1, n_columns)), cumulated, axis=0)
        last, first = (graph.add("Gather", cumulated, at) for at in (self.ends, self.starts))
        return graph.add("Sub", last, first)


def known(graph: Graph, ids: str, n_ids: int) -> str:
    """Convert ids to int64, and replace those that the model does not know by OOV."""
    ids = graph.cast(ids, np.int64)
    in_table = graph.add("Less", ids, np.array(n_ids))
    is_id = graph.add("And", in_table, graph.add("GreaterOrEqual", ids, np.array(PAD)))
    return graph.add("Where", is_id, ids, np.array(OOV))
