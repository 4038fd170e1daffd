"""Reports: judged results as one HTML page that stands alone, and as PDF; no statistic is computed.

``write_report`` writes the report of one study, ``write_entry`` what the index knows of it, and
``write_index`` the index of all that lies in a folder.
``render_gate`` returns the page of a gate, ``render_history`` that of all gates over time;
``write_comparison`` writes that of runs compared.
"""

from .compared import write_comparison
from .entry import write_entry
from .gate import render_gate
from .gate_history import render_history
from .index import write_index
from .printing import Printing
from .render import Written, write_report

__all__ = [
    "Printing",
    "Written",
    "render_gate",
    "render_history",
    "write_comparison",
    "write_entry",
    "write_index",
    "write_report",
]
