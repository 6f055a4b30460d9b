"""Search hyper-parameters with Optuna.

The study is an SQLite file, so an interrupted search resumes. Trials that are worse than others after an epoch are
pruned.
"""

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from liuyan.errors import UsageError
from liuyan.progress import Report
from model.training.data import Comment
from model.training.options import Options
from model.training.train import train
from model.training.trainer import Epoch


@dataclass(frozen=True, slots=True)
class BestTrial:
    """The options and validation accuracy of the best trial, and the number of trials."""

    options: Options
    accuracy: float
    trials: int


def search(
    comments: Mapping[str, Comment], options: Options, trials: int, study_file: Path, progress: Report
) -> BestTrial:
    """Run trials until the study in ``study_file`` has ``trials`` trials, including those of earlier calls.

    Raises UsageError when Optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise UsageError("The search needs the package optuna. Run `make install`.") from error
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
        study.optimize(lambda trial: _run_trial(trial, comments, options, progress), n_trials=1)
    return BestTrial(replace(options, **study.best_params), study.best_value, done)


def _run_trial(trial: Any, comments: Mapping[str, Comment], options: Options, progress: Report) -> float:
    import optuna

    tried = replace(
        options,
        ngrams=0,  # the trials compare networks, and n-grams would be the same in all of them
        rate=trial.suggest_float("rate", 5e-4, 6e-3, log=True),
        dropout=trial.suggest_float("dropout", 0.2, 0.7),
        smoothing=trial.suggest_float("smoothing", 0.0, 0.1),
        rated_weight=trial.suggest_float("rated_weight", 0.2, 1.0),
        batch=trial.suggest_categorical("batch", [64, 128, 256]),
        hidden=trial.suggest_categorical("hidden", [96, 128, 160]),
    )
    best = 0.0

    def report(epoch: Epoch) -> None:
        nonlocal best
        best = max(best, epoch.validation_accuracy)
        trial.report(epoch.validation_accuracy, epoch.epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    with tempfile.TemporaryDirectory() as folder:
        train(comments, tried, Path(folder), progress, report)
    return best
