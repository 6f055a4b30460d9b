"""The search for hyper-parameters: Optuna tries trainings and learns from each where to try the next one.

Its study is an SQLite file: killed, it goes on with what it knows. A trial that is behind the others after an epoch is
given up.
"""

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from liuyan.errors import UsageError
from model.progress import Report
from model.training.data import Comment
from model.training.options import Options
from model.training.train import train
from model.training.trainer import Epoch


@dataclass(frozen=True, slots=True)
class Found:
    """The best trial so far: its options, its validation accuracy, and how many trials there are."""

    options: Options
    accuracy: float
    trials: int


def search(comments: Mapping[str, Comment], options: Options, trials: int, study_file: Path, progress: Report) -> Found:
    """Try until the study in ``study_file`` has ``trials`` trials, those of earlier calls included.

    Raises UsageError when Optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise UsageError("A search needs the package optuna: run `make install`.") from error
    logging.getLogger("optuna").setLevel(logging.WARNING)
    study_file.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=f"epochs {options.epochs} sample {options.sample}",
        storage=f"sqlite:///{study_file}",
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=options.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    while (done := len(study.get_trials(deepcopy=False, states=ended))) < trials:
        progress("trials", done, trials)
        study.optimize(lambda trial: _try(trial, comments, options, progress), n_trials=1)
    return Found(_told(options, study.best_params), study.best_value, done)


def _try(trial: Any, comments: Mapping[str, Comment], options: Options, progress: Report) -> float:
    import optuna

    told = _told(
        options,
        {
            "rate": trial.suggest_float("rate", 5e-4, 6e-3, log=True),
            "dropout": trial.suggest_float("dropout", 0.2, 0.7),
            "smoothing": trial.suggest_float("smoothing", 0.0, 0.1),
            "rated_weight": trial.suggest_float("rated_weight", 0.2, 1.0),
            "batch": trial.suggest_categorical("batch", [64, 128, 256]),
            "hidden": trial.suggest_categorical("hidden", [96, 128, 160]),
        },
    )
    best = 0.0

    def report(epoch: Epoch) -> None:
        nonlocal best
        best = max(best, epoch.validation_accuracy)
        trial.report(epoch.validation_accuracy, epoch.epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    with tempfile.TemporaryDirectory() as folder:
        # What is compared is the network: n-grams beside it would be the same in every trial.
        train(comments, replace(told, ngrams=0), Path(folder), progress, report)
    return best


def _told(options: Options, parameters: Mapping[str, Any]) -> Options:
    return replace(options, **parameters)
