"""A plan or a study as a page to send, as tables, pictures, or lines to paste."""

from .page import html_for as html_for
from .page import write_report as write_report
from .pictures.matplotlib import study_plot as study_plot
from .plan.code import code_for as code_for
from .study.mlflow import log_to_mlflow as log_to_mlflow
from .study.tables import study_table as study_table
from .study.tables import write_tables as write_tables
from .study.tensorboard import log_to_tensorboard as log_to_tensorboard
