# What type checkers read in a checkout, where harness/__init__.py finds this package beside.
from reports import Printing as Printing
from reports import Shelf as Shelf
from reports import Written as Written
from reports import contents_of as contents_of
from reports import going_text as going_text
from reports import policy as policy
from reports import render_gate as render_gate
from reports import render_history as render_history
from reports import render_index as render_index
from reports import render_live as render_live
from reports import shelf_of as shelf_of
from reports import write_comparison as write_comparison
from reports import write_entry as write_entry
from reports import write_index as write_index
from reports import write_report as write_report
