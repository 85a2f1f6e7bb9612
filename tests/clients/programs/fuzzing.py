"""Tells the fuzzer of the document what the document cannot say."""

import os
from pathlib import Path

import schemathesis
from hypothesis import strategies

# Codes of refusals that say something about the request's form, which the document describes.
FORM = {"INVALID_PARAMETER", "MALFORMED_BODY", "MALFORMED_REQUEST"}
# Refusals of values whose limits are the operator's or depend on another value, of numbers whose format the fuzzer does not
# know, and of parts whose names no header can carry.
UNFORESEEN = ("callbackURL: ", "lightChallenge: ", "ttlSeconds: ", "number of single precision", "failed to read headers")

# Random bytes are no picture: nothing would be made of any.
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
    """In a form, a text of another type is a text. 0 and 1 are booleans, too."""
    is_form = (case.media_type or "").startswith("multipart/")
    is_text, is_boolean = (f"{ending}: Incorrect type" in failure.message for ending in ("Id", "abled"))
    return not ((is_form and is_text) or is_boolean)
