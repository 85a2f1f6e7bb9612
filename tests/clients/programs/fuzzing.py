"""Tells the fuzzer of the document what the document cannot say."""

import os
import re
from pathlib import Path

import schemathesis
from hypothesis import strategies

# Codes of refusals that concern the request's form, which the document describes.
FORM = {"INVALID_PARAMETER", "MALFORMED_BODY", "MALFORMED_REQUEST"}
# Refusals of values whose limits are the operator's or depend on another value, of numbers whose format the fuzzer does
# not know, and of parts whose names no header can carry.
UNFORESEEN = (
    "callbackURL: ",
    "lightChallenge: ",
    "ttlSeconds: ",
    "number of single precision",
    "failed to read headers",
    "part has no name",
)
# Booleans and numbers may be accepted in other forms with the same meaning.
ALIKE = re.compile("abled: Incorrect type|was (boolean|integer|number), became")

# Random bytes are not a picture: every request would be refused.
photograph = Path(os.environ["PHOTOGRAPH"]).read_bytes()
schemathesis.openapi.format("binary", strategies.just(photograph))


@schemathesis.check
def what_is_documented_is_taken(context, response, case):
    """A request that the document allows is never refused for its form."""
    if response.status_code != 400 or not case.meta or not case.meta.generation.mode.is_positive:
        return
    refusal = response.json()
    if refusal["code"] in FORM and not any(words in refusal["message"] for words in UNFORESEEN):
        raise AssertionError(f"the document allows this: {refusal['message']}")


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Drops those that are none: in a form, a text of another type is a text."""
    is_form = (case.media_type or "").startswith("multipart/")
    return not (ALIKE.search(failure.message) or is_form and "Id: Incorrect type" in failure.message)
