"""`python -m dashboards.generate`: write the dashboards of both languages and the Prometheus rules."""

from collections.abc import Iterator
from pathlib import Path

from dashboards.api import API
from dashboards.build import dashboard_json
from dashboards.consumer_health import CONSUMER_HEALTH
from dashboards.model_quality import MODEL_QUALITY
from dashboards.review_work import REVIEW_WORK
from dashboards.rules import rules_yaml
from dashboards.sentiment import SENTIMENT
from dashboards.text import Language

FOLDER = Path(__file__).parent
DASHBOARDS = (SENTIMENT, CONSUMER_HEALTH, MODEL_QUALITY, REVIEW_WORK, API)


def generated() -> Iterator[tuple[Path, str]]:
    """Yield the path and the content of every generated file."""
    for language in Language:
        for dashboard in DASHBOARDS:
            yield FOLDER / language / f"{dashboard.name}.json", dashboard_json(dashboard, language)
    yield FOLDER / "prometheus" / "rules.yml", rules_yaml()


def main() -> None:
    """Write the files whose content has changed."""
    for path, content in generated():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)


if __name__ == "__main__":
    main()
