"""Floor 7: a plan as a page to send, a table in a notebook, or lines to paste. Reads records, measures nothing."""

from .code import code_for as code_for
from .html import html_for as html_for
from .study_mlflow import log_to_mlflow as log_to_mlflow
from .study_tables import study_table as study_table
from .study_tables import write_tables as write_tables
from .study_tensorboard import log_to_tensorboard as log_to_tensorboard
from .write import write_report as write_report
