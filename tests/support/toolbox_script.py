"""Run by the Python of the toolbox (see `toolbox.py`): answers questions, one line of JSON each."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import helm_python
import jsonschema
import kubernetes_validate

Answer = dict[str, Any] | list[str]


def render(chart: str, values: dict[str, Any]) -> Answer:
    """Return what Helm makes of each template, or why it refuses."""
    with helm_python.Chart.load(chart) as loaded:
        try:
            return {"files": loaded.render(values, name="gw", namespace="prod"), "error": None}
        except helm_python.HelmError as error:
            return {"files": {}, "error": str(error)}


def lint(chart: str, values: dict[str, Any]) -> Answer:
    """Return what `helm lint --strict` finds wrong."""
    report = helm_python.lint(chart, values, strict=True)
    return [message["error"] for message in report["messages"] if message["severity"] > 1] + list(report["errors"])


def check_objects(version: str, objects: list[dict[str, Any]]) -> Answer:
    """Return what the schemas of a version of Kubernetes have against objects, unknown fields included."""
    found = []
    for item in objects:
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            place = ".".join(map(str, error.path))
            found.append(f"{item['kind']} {item['metadata']['name']}: {place}: {error.message}")
    return found


def check_document(schema: dict[str, Any], document: Any) -> Answer:
    """Return what a JSON schema has against a document."""
    validator = jsonschema.validators.validator_for(schema)(schema)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


QUESTIONS: Final[Mapping[str, Callable[..., Answer]]] = {
    "render": render,
    "lint": lint,
    "check_objects": check_objects,
    "check_document": check_document,
}

if __name__ == "__main__":
    for line in sys.stdin:
        question, given = json.loads(line)
        sys.stdout.write(json.dumps(QUESTIONS[question](**given)) + "\n")
        sys.stdout.flush()
