"""Reports: judged results as one HTML page that stands alone, and as PDF; no statistic is computed.

``write_report`` writes the report of one study, ``write_index`` the page that links several.
``write_gate`` writes the page of a gate, ``render_history`` returns that of all gates over time;
``write_comparison`` writes that of runs compared. What one takes away, the tables, figures and
texts of each, is written by :meth:`Written.finished`.
"""

from .citing import citation, cited_comparison, cited_gate, cited_study
from .compared import write_comparison
from .gate import render_gate, write_gate
from .gate_history import render_history
from .printing import Printing
from .render import Written, write_index, write_report
from .taking import remove_taken

__all__ = [
    "Printing",
    "Written",
    "citation",
    "cited_comparison",
    "cited_gate",
    "cited_study",
    "remove_taken",
    "render_gate",
    "render_history",
    "write_comparison",
    "write_gate",
    "write_index",
    "write_report",
]
