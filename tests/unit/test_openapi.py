"""The OpenAPI description: the committed one, its words and types, and the recorded examples."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from api.description.__main__ import PATH, description
from api.description.examples import COMMON_NAME, FOLDER, recorded
from api.description.tags import TAGS
from api.problems import MEDIA_TYPE

DOCUMENT: dict[str, Any] = json.loads(description())
OPERATIONS = {
    operation["operationId"]: operation
    for operations in DOCUMENT["paths"].values()
    for operation in operations.values()
}
#: Answers that are not text, or have no end.
WITHOUT_EXAMPLE = {
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.apache.parquet",
    "image/png",
}


def examples(content: dict[str, Any]) -> Iterator[Any]:
    """The values of the examples of one media type."""
    for example in content.get("examples", {}).values():
        name = example.get("$ref", "").rpartition("/")[2]
        yield (DOCUMENT["components"]["examples"][name] if name else example)["value"]


def contents(operation_id: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Status, media type and content of each answer."""
    for status, response in OPERATIONS[operation_id]["responses"].items():
        for media_type, content in response.get("content", {}).items():
            yield status, media_type, content


def check(value: Any, schema: dict[str, Any]) -> None:
    """Raise ValidationError unless the value is one of this schema."""
    jsonschema_rs.validator_for({**schema, "components": DOCUMENT["components"]}).validate(value)


def test_the_committed_description_is_that_of_the_application() -> None:
    assert PATH.read_text("utf-8") == description(), "run 'make openapi' and commit docs/openapi.json"


def test_the_description_is_text_in_utf8_without_escapes() -> None:
    assert "\\u" not in description()


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_an_operation_is_summed_up_by_a_verb_and_described_by_one(operation_id: str) -> None:
    operation = OPERATIONS[operation_id]
    assert operation["tags"][0] in [tag["name"] for tag in TAGS]
    summary, text = operation["summary"], operation["description"]
    assert len(summary.split()) >= 3
    assert summary[0].isupper()
    assert summary[1:] == summary[1:].replace(operation_id.title(), "")
    assert text.split()[0].endswith("s"), text  # Lists, Reads, Submits
    assert "Successful Response" not in json.dumps(operation)


def test_every_tag_is_used() -> None:
    assert {operation["tags"][0] for operation in OPERATIONS.values()} == {tag["name"] for tag in TAGS}


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_parameters_and_bodies_have_one_type(operation_id: str) -> None:
    operation = OPERATIONS[operation_id]
    for parameter in operation.get("parameters", []):
        assert "null" not in json.dumps(parameter["schema"]), parameter["name"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        assert "anyOf" not in content["schema"]
    assert "anyOf" not in json.dumps(DOCUMENT["components"]["schemas"]["JobRequest"])


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_every_answer_has_examples_and_each_is_one_of_its_schema(operation_id: str) -> None:
    for status, media_type, content in contents(operation_id):
        values = list(examples(content))
        for value in values:
            check(value, content["schema"])
            if media_type == MEDIA_TYPE:
                assert value["status"] == int(status)
        has_one = status == "default" or media_type in WITHOUT_EXAMPLE or operation_id == "watch_jobs"
        assert values or has_one, (status, media_type)


def test_examples_of_bodies_are_valid_and_wrong_ones_are_not() -> None:
    content = OPERATIONS["submit_job"]["requestBody"]["content"]["application/json"]
    values = list(examples(content))
    assert len(values) == 3
    for value in values:
        check(value, content["schema"])
    for wrong in ({"source": 3}, {"publish": None}, {"sources": "a.csv"}):
        with pytest.raises(jsonschema_rs.ValidationError):
            check(wrong, content["schema"])


def test_every_recorded_file_is_of_an_operation() -> None:
    assert {path.stem for path in FOLDER.iterdir()} <= {*OPERATIONS, COMMON_NAME}


@pytest.mark.parametrize("name", [*OPERATIONS, COMMON_NAME])
def test_recorded_problems_are_one_sentence_of_less_than_600_characters(name: str) -> None:
    for answer in recorded(name):
        if answer["media_type"] == MEDIA_TYPE:
            detail = answer["value"]["detail"]
            assert len(detail) < 600
            assert detail.endswith(".")
