"""Finished runs from elsewhere: CSV files, a W&B group, an earlier search. All give a `RunTable`, what laws are fitted on."""

from olmix.fit.inputs.csv_files import runs_from_csv
from olmix.fit.inputs.stored import runs_from_store
from olmix.fit.inputs.wandb_group import runs_from_wandb

__all__ = ["runs_from_csv", "runs_from_store", "runs_from_wandb"]
