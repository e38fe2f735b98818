"""json_schema: the response of an OpenAPI 3.1 operation."""

import json

import pytest
from jsonschema import Draft202012Validator

from tasks.core.errors import RecipeError
from tests.builders import make, texts

PETS = """
openapi: 3.1.0
info: {title: Pets, version: "1"}
paths:
  /pets/{id}:
    get:
      operationId: getPet
      responses:
        200:
          content:
            application/json; charset=utf-8:
              schema: {$ref: "#/components/schemas/Pet"}
        404: {$ref: "#/components/responses/Missing"}
    delete:
      responses:
        204: {description: gone}
  /owners:
    $ref: "#/components/pathItems/Owners"
components:
  pathItems:
    Owners:
      get:
        operationId: listOwners
        responses:
          201:
            content:
              application/json:
                schema: {type: array, minItems: 1, items: {$ref: "#owner"}}
      put:
        responses:
          200: {content: {text/plain: {}}}
  responses:
    Missing:
      content:
        application/problem+json:
          schema: {type: object, required: [message], properties: {message: {type: string}}}
  schemas:
    Pet:
      type: object
      required: [id, name, owner]
      properties:
        id: {type: integer, format: int64, minimum: 1}
        name: {type: string}
        kind: {enum: [cat, dog]}
        owner: {$ref: "#/components/schemas/Owner"}
    Owner:
      $anchor: owner
      type: object
      required: [email]
      properties:
        email: {type: string, format: email}
        pets: {type: array, items: {$ref: "#/components/schemas/Pet"}}
    Broken: {type: strin}
"""


def made(count=30, **params):
    return [json.loads(text) for text in texts(make("json_schema", {"openapi": PETS, **params}, count))]


@pytest.mark.parametrize("operation", ["getPet", "GET /pets/{id}", "get  /pets/{id}"])
def test_an_operation_is_found_by_id_and_by_path(operation):
    """References within the document resolve, recursion among them ends, and a broken neighbour does not matter."""
    for pet in made(operation=operation):
        assert {"id", "name", "owner"} <= set(pet) <= {"id", "name", "owner", "kind"}
        assert isinstance(pet["id"], int)
        assert "@" in pet["owner"]["email"]


def test_status_chooses_the_response():
    """By number or text; a response may itself be a reference, and a JSON type with a suffix is JSON."""
    assert all(set(value) == {"message"} for value in made(operation="getPet", status=404))
    assert made(1, operation="getPet", status="404") == made(1, operation="getPet", status=404)


def test_first_2xx_is_the_default_and_anchors_resolve():
    """201 is good too; a path item may be a reference."""
    owner = {"type": "object", "required": ["email"], "properties": {"email": {"type": "string"}}}
    validator = Draft202012Validator({"type": "array", "minItems": 1, "items": owner})
    assert all(validator.is_valid(owners) for owners in made(operation="listOwners"))


def test_a_document_is_read_from_a_file(tmp_path):
    """YAML's numeric status codes are read as text."""
    (tmp_path / "pets.yaml").write_text(PETS, encoding="utf-8")
    params = {"openapi": "pets.yaml", "operation": "getPet"}
    assert len(texts(make("json_schema", params, 5, base=tmp_path))) == 5


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, r"openapi needs an operation; have: getPet \(GET /pets/\{id\}\), DELETE"),
        ({"operation": "getPets"}, r"unknown operation 'getPets'; did you mean 'getPet'\? have: DELETE /pets"),
        ({"operation": "getPet", "status": 500}, r"unknown status '500'.* have: 200, 404"),
        ({"operation": "PUT /owners"}, r"no application/json; have: text/plain"),
        ({"operation": "DELETE /pets/{id}"}, r"#/paths/~1pets~1\{id\}/delete/responses/204 has no 'content'"),
        ({"openapi": {"openapi": "3.0.3"}, "operation": "x"}, r"version '3.0.3' is not supported; have: 3.1"),
        ({"openapi": {}, "operation": "x"}, r"version 'none' is not supported; have: 3.1"),
    ],
)
def test_a_wrong_choice_lists_those_there_are(params, message):
    """The message names the value and the choices."""
    with pytest.raises(RecipeError, match=message):
        made(1, **params)


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        (
            "#/components/responses/Nope",
            r"cannot resolve \$ref '#/components/responses/Nope' at .*there is no 'components'",
        ),
        ("other.yaml#/x", r"cannot resolve \$ref 'other.yaml#/x' at .*only this document is read"),
        ("#/paths/~1a/get/responses/200", r"leads back to itself"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(ref, message):
    """Within the OpenAPI part of the document, before a schema is reached."""
    document = {"openapi": "3.1.1", "paths": {"/a": {"get": {"responses": {"200": {"$ref": ref}}}}}}
    with pytest.raises(RecipeError, match=message):
        made(1, openapi=document, operation="GET /a")


def test_a_response_without_schema_is_named():
    """Nothing says what such a response looks like."""
    body = {"content": {"application/json": {}}}
    document = {"openapi": "3.1.0", "paths": {"/a b%": {"get": {"responses": {"default": body}}}}}
    with pytest.raises(RecipeError, match="has no schema"):
        made(1, openapi=document, operation="GET /a b%")
    body["content"]["application/json"]["schema"] = {"const": 7}
    assert made(2, openapi=document, operation="GET /a b%") == [7, 7]
