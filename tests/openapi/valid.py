# Has independent tools look at docs/openapi.json; without any of them the test is skipped, and says so.
"""valid.py DOCUMENT

Debian's python3-jsonschema holds the document against the OpenAPI Initiative's own schema (oas-3.1-schema.json, Apache
2.0, as published), and each schema in it against that of JSON Schema. openapi_spec_validator, where it is installed,
also follows every reference."""
import json
import os
import sys
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
SKIPPED = 77
# What a package says of its own future is not about the document.
warnings.simplefilter("ignore")


def by_jsonschema(document):
    from jsonschema import Draft202012Validator
    with open(os.path.join(HERE, "oas-3.1-schema.json"), encoding="utf-8") as file:
        official = json.load(file)
    problems = [f"/{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
                for error in Draft202012Validator(official).iter_errors(document)]
    for schema in schemas_in(document):
        Draft202012Validator.check_schema(schema)
    return problems


def schemas_in(part):
    """What stands below `schema`, and the shared ones."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "schema":
                yield value
            elif name == "schemas":
                yield from value.values()
            else:
                yield from schemas_in(value)
    elif isinstance(part, list):
        for value in part:
            yield from schemas_in(value)


def by_spec_validator(document):
    import openapi_spec_validator
    # Releases before 0.6 have another name for it.
    validate = getattr(openapi_spec_validator, "validate", None) or openapi_spec_validator.validate_spec
    validate(document)
    return []


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    problems, asked = [], []
    for name, check in (("jsonschema", by_jsonschema), ("openapi_spec_validator", by_spec_validator)):
        try:
            problems += check(document)
            asked.append(name)
        except ImportError:
            print(f"this Python has no {name}")
    if not asked:
        print("skipped: nothing to validate it with")
        return SKIPPED
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"{len(document['paths'])} paths, looked at by {' and '.join(asked)}: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
