"""Floor 7: a plan or a study as a page to send, as a table, a picture, or lines to paste. Reads records, measures nothing."""

from .code import code_for as code_for
from .html import html_for as html_for
from .study_axes import study_plot as study_plot
from .study_mlflow import log_to_mlflow as log_to_mlflow
from .study_page import write_study_report as write_study_report
from .study_tables import study_table as study_table
from .study_tables import write_tables as write_tables
from .study_tensorboard import log_to_tensorboard as log_to_tensorboard
from .write import write_report as write_report
