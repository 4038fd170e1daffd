# What type checkers read in a checkout, where harness/__init__.py finds this package beside.
from reports import Printing as Printing
from reports import Written as Written
from reports import citation as citation
from reports import cited_comparison as cited_comparison
from reports import cited_gate as cited_gate
from reports import cited_study as cited_study
from reports import remove_taken as remove_taken
from reports import render_gate as render_gate
from reports import render_history as render_history
from reports import write_comparison as write_comparison
from reports import write_gate as write_gate
from reports import write_index as write_index
from reports import write_report as write_report
