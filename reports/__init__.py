"""Reports: judged results as one HTML page that stands alone, and as PDF; no statistic is computed.

``write_report`` writes the report of one study, ``write_entry`` what the index knows of it, and
``write_index`` the index of all that lies in a folder; ``render_index`` and ``render_live`` return
the same for who serves a folder, as it is now, and how far runs are.
``write_gate`` writes the page of a gate, ``render_history`` returns that of all gates over time;
``write_comparison`` writes that of runs compared. What one takes away, the tables, figures and
texts of each, is written by :meth:`Written.finished`.
"""

from .citing import citation, cited_comparison, cited_gate, cited_study
from .compared import write_comparison
from .entries import Shelf, contents_of, shelf_of
from .entry import write_entry
from .gate import render_gate, write_gate
from .gate_history import render_history
from .index import is_ours, render_index, write_index
from .live import going_text, render_live
from .printing import Printing
from .taking import remove_taken
from .written import Only, Written, write_report

__all__ = [
    "Only",
    "Printing",
    "Shelf",
    "Written",
    "citation",
    "cited_comparison",
    "cited_gate",
    "cited_study",
    "contents_of",
    "going_text",
    "is_ours",
    "remove_taken",
    "render_gate",
    "render_history",
    "render_index",
    "render_live",
    "shelf_of",
    "write_comparison",
    "write_entry",
    "write_gate",
    "write_index",
    "write_report",
]
