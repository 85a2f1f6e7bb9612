//! Runs the generator on tiny documents: its output, and its refusals.

use crate::generator;

mod bodies;
mod files;

/// The smallest document that uses everything: a form, a list, an enumeration, an answer of each kind.
const DOCUMENT: &str = r"
openapi: 3.0.3
info: { title: Tiny, version: 1.2.3 }
servers: [{ url: /app }]
security: [{ key: [] }]
tags:
  - { name: Things, description: All things. }
  - { name: Roots, description: At the root. }
paths:
  /things/{thingId}:
    parameters:
      - { name: thingId, in: path, required: true, description: Which thing., schema: { type: string, format: uuid } }
    post:
      operationId: makeThing
      summary: Make a thing
      description: Makes it.
      tags: [Things]
      requestBody:
        required: true
        content:
          multipart/form-data: { schema: { $ref: '#/components/schemas/Upload' } }
          multipart/mixed: { schema: { $ref: '#/components/schemas/Upload' } }
      responses:
        '201':
          description: Made.
          headers:
            Location: { description: Where., required: true, schema: { type: string } }
        '400': { $ref: '#/components/responses/Refused' }
        '401': { $ref: '#/components/responses/Refused' }
        '408': { $ref: '#/components/responses/Refused' }
        '413': { $ref: '#/components/responses/Refused' }
        '415': { $ref: '#/components/responses/Refused' }
        '429': { $ref: '#/components/responses/Busy' }
        '500': { $ref: '#/components/responses/Refused' }
        '503': { $ref: '#/components/responses/Busy' }
  /root:
    servers: [{ url: / }]
    get:
      operationId: match
      summary: See things
      description: Lists them.
      tags: [Roots]
      security: []
      responses:
        '200':
          description: The things.
          content:
            application/json: { schema: { type: array, items: { $ref: '#/components/schemas/Thing' } }, example: [] }
        '500': { $ref: '#/components/responses/Refused' }
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: key, description: The key. }
  responses:
    Refused:
      description: Refused.
      content: { application/json: { schema: { $ref: '#/components/schemas/ApiError' }, example: { id: x } } }
    Busy:
      description: Busy.
      headers:
        Retry-After: { description: Seconds., required: true, schema: { type: integer, format: int32, minimum: 1 } }
      content: { application/json: { schema: { $ref: '#/components/schemas/ApiError' }, example: { id: x } } }
  schemas:
    ApiError:
      type: object
      description: A refusal.
      required: [id]
      properties:
        id: { type: string, description: Its name. }
    Kind:
      type: string
      description: A kind.
      enum: [BIG_ONE, F6_4_VID60X]
    Thing:
      type: object
      description: A thing.
      required: [size]
      properties:
        size: { type: number, format: double, minimum: 0, description: Its size. }
        kind: { description: Its kind., type: string, nullable: true, allOf: [{ $ref: '#/components/schemas/Kind' }] }
        rare: { type: boolean, default: false, description: Whether it is rare. }
        signature: { type: string, description: A signature. }
    Upload:
      type: object
      description: A picture of a thing.
      required: [picture, thing]
      properties:
        picture: { type: string, format: binary, description: The picture. }
        thing: { description: The thing., allOf: [{ $ref: '#/components/schemas/Thing' }] }
        kind: { description: The kind., allOf: [{ $ref: '#/components/schemas/Kind' }] }
        note: { type: string, maxLength: 9, description: A note. }
";

/// Returns everything that the generator writes, on one line.
fn written(document: &str) -> String {
    let written = generator::generate(document).expect("the document is fine");
    let files: Vec<String> = written.rust.into_values().collect();
    files.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asserts that the tiny document with one change is refused for that reason.
#[track_caller]
fn refused(old: &str, new: &str, reason: &str) {
    assert_eq!(DOCUMENT.matches(old).count(), 1, "the change must fit one place: {old}");
    let refusal = generator::generate(&DOCUMENT.replace(old, new)).expect_err(reason);
    assert!(refusal.contains(reason), "refused, but for another reason: {refusal}");
}

#[track_caller]
fn has(text: &str, expected: &str) {
    let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&expected), "not written: {expected}");
}

#[test]
fn types_are_written() {
    let rust = written(DOCUMENT);
    has(&rust, "pub enum Kind { BigOne, F6_4Vid60x, }");
    has(&rust, "/// A thing. #[derive(Clone, PartialEq)] pub struct Thing { /// Its size. pub size: f64,");
    has(&rust, "pub kind: Option<Kind>,");
    has(&rust, "pub rare: bool,");
    has(&rust, "pub picture: wire::File,");
    has(&rust, "size: members.required(\"size\", &[wire::Limit::Minimum(0f64)])?,");
    has(&rust, "note: parts.optional(\"note\", &[wire::Limit::LengthMax(9usize)])?,");
    has(&rust, "(\"picture\", wire::form::PartKind::File)");
    has(&rust, "(\"thing\", wire::form::PartKind::Json)");
    has(&rust, "(\"kind\", wire::form::PartKind::Text)");
    has(&rust, "impl wire::Signable for Thing");
    assert!(!rust.contains("Signable for Upload"));
}

#[test]
fn every_tag_becomes_a_trait_and_routes() {
    let rust = written(DOCUMENT);
    has(&rust, "pub trait ThingsApi: Send + Sync + 'static {");
    has(
        &rust,
        "fn make_thing( &self, caller: Caller, thing_id: Path<uuid::Uuid>, body: payload::multipart::Multipart<types::Upload>, ) -> impl Future<Output = Result<MakeThingOk, MakeThingError>> + Send;",
    );
    has(&rust, "fn r#match(&self) -> impl Future<Output = Result<MatchOk, MatchError>> + Send;");
    has(
        &rust,
        "path = \"/things/:thingId\", method = \"post\", operation_id = \"makeThing\", tag = \"ApiTags::Things\"",
    );
    has(&rust, "Methods { path: \"/root\", root: true, allow: \"GET, HEAD\", secured: &[], }");
    has(&rust, "secured: &[(\"POST\", \"makeThing\")], }");
    has(&rust, "pub fn prefixed_routes<T: Clone + things::ThingsApi + 'static>");
    has(&rust, "pub fn root_routes<T: Clone + roots::RootsApi + 'static>");
    has(&rust, "pub const VERSION: &str = \"1.2.3\";");
    // One tag may have paths in both places.
    let both = written(&DOCUMENT.replace("tags: [Roots]", "tags: [Things]"));
    has(&both, "pub struct ThingsRoutes<T>(pub T);");
    has(&both, "pub struct ThingsRootRoutes<T>(pub T);");
    has(&both, "pub fn root_routes<T: Clone + things::ThingsApi + 'static>");
}

#[test]
fn answers_are_those_of_the_document() {
    let rust = written(DOCUMENT);
    has(&rust, "pub enum MakeThingOk { /// Made. #[oai(status = 201u16)] Created(");
    has(&rust, "#[oai(header = \"Location\")] String");
    has(&rust, "Ok(payload::json::Json<Vec<types::Thing>>)");
    has(&rust, "429u16 => Self::TooManyRequests(problem),");
    has(&rust, "_ => Self::InternalServerError(problem.undocumented()),");
    has(&rust, "impl From<service::Error> for MakeThingError");
}

#[test]
fn the_document_is_served_as_json_with_its_anchors_resolved() {
    let with_anchor = DOCUMENT.replace(
        "info: { title: Tiny,",
        "x-anchors: { one: &one { a: 1 }, two: { <<: *one, b: 2 } }\ninfo: { title: Tiny,",
    );
    let json = generator::generate(&with_anchor).expect("the document is fine").json;
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json["x-anchors"]["two"], serde_json::json!({"a": 1, "b": 2}));
    assert_eq!(json["info"]["title"], "Tiny");
}

#[test]
fn what_is_no_document_is_refused() {
    let refusal = |text: &str| generator::generate(text).expect_err("it is no document");
    assert!(refusal("a: [").starts_with("not YAML"));
    assert!(refusal("a: 1").starts_with("not OpenAPI 3.0"));
    refused("openapi: 3.0.3", "openapi: 3.1.0", "must be 3.0.3");
}

#[test]
fn every_operation_is_named_described_and_tagged() {
    refused("      operationId: makeThing\n", "", "post /things/{thingId}: has no operationId");
    refused("      summary: Make a thing\n", "", "makeThing: has no summary");
    refused("      description: Makes it.\n", "", "makeThing: has no description");
    refused("tags: [Things]", "tags: []", "makeThing: needs exactly one tag");
    refused("tags: [Things]", "tags: [Things, Roots]", "makeThing: needs exactly one tag");
    refused("tags: [Things]", "tags: [Other]", "makeThing: the tag Other is not declared");
    refused(
        "{ name: Things, description: All things. }",
        "{ name: Things }",
        "makeThing: the tag Things has no description",
    );
    refused("servers: [{ url: / }]", "servers: [{ url: /other }]", "path /root: the only server");
    refused("operationId: match", "operationId: makeThing", "makeThing: the operationId is used twice");
}

#[test]
fn what_the_framework_answers_must_be_declared() {
    let refusals = "        '400': { $ref: '#/components/responses/Refused' }\n        '401': { $ref: '#/components/responses/Refused' }\n        '408': { $ref: '#/components/responses/Refused' }\n        '413': { $ref: '#/components/responses/Refused' }\n        '415': { $ref: '#/components/responses/Refused' }\n";
    for status in ["400", "401", "408", "413", "415"] {
        let line = format!("        '{status}': {{ $ref: '#/components/responses/Refused' }}\n");
        refused(refusals, &refusals.replace(&line, ""), &format!("makeThing: the answer {status} is missing"));
    }
    let last = "        '500': { $ref: '#/components/responses/Refused' }\ncomponents:";
    refused(last, "components:", "match: the answer 500 is missing");
    refused("        '201':\n", "        '409':\n", "makeThing: the answer 409: a refusal is ApiError");
}

#[test]
fn answers_are_plain() {
    refused("'201':", "'2XX':", "makeThing: the status range 2XX is not supported");
    refused("'201':", "default:", "makeThing: a default answer is not supported");
    refused("'201':", "'299':", "makeThing: the answer 299: this status has no name");
    refused(", example: [] }", " }", "match: the answer 200: application/json has no example");
    refused(
        "            application/json: { schema: { type: array",
        "            text/plain: { schema: { type: string }, example: x }\n            application/json: { schema: { type: array",
        "match: the answer 200: several content types are supported for binary answers alone",
    );
    refused(
        "schema: { type: array, items: { $ref: '#/components/schemas/Thing' } }",
        "schema: { type: boolean }",
        "match: the answer 200: the schema of a JSON answer must have a name",
    );
    refused("Retry-After: {", "Retry-Later: {", "makeThing: the answer 429: must have a required header Retry-After");
    refused(
        "description: Where., required: true, schema: { type: string }",
        "required: true, schema: { type: string }",
        "header Location: has no description",
    );
    refused(
        "description: Where., required: true, schema: { type: string }",
        "description: Where., required: true, schema: { type: boolean }",
        "header Location: only strings and integers",
    );
    refused(
        "description: Where., required: true, schema: { type: string }",
        "description: Where., required: true, schema: { type: string, maxLength: 3 }",
        "limits of a header",
    );
    refused(
        "'429': { $ref: '#/components/responses/Busy' }",
        "'429': { $ref: '#/components/responses/Gone' }",
        "makeThing: #/components/responses/Gone is not defined",
    );
}

#[test]
fn an_operation_with_a_key_must_declare_429_and_503() {
    refused(
        "        '429': { $ref: '#/components/responses/Busy' }\n",
        "",
        "makeThing: the answer 429 is missing: a provider can ask too much",
    );
    refused(
        "        '503': { $ref: '#/components/responses/Busy' }\n",
        "",
        "makeThing: the answer 503 is missing: the database can be away",
    );
}

#[test]
fn parameters_are_simple() {
    let schema = "schema: { type: string, format: uuid }";
    refused(
        schema,
        "schema: { type: array, items: { type: string } }",
        "makeThing: parameter thingId: lists and files",
    );
    refused(
        "in: path, required: true, description: Which thing.,",
        "in: cookie, description: Which thing.,",
        "parameter thingId: cookies",
    );
    refused("description: Which thing., ", "", "makeThing: parameter thingId: has no description");
}

#[test]
fn access_is_for_all_schemes_or_none() {
    refused("security: []", "security: [{ other: [] }]", "match: security must name each scheme once");
    refused("security: []", "security: [{ key: [read] }]", "match: security must name each scheme once");
    refused("type: apiKey, in: header,", "type: apiKey, in: query,", "security scheme key: only header keys");
    let optional = DOCUMENT.replace("security: []", "security: [{ key: [] }, {}]");
    let refusal = generator::generate(&optional).expect_err("401 is missing");
    assert!(refusal.contains("match: the answer 401 is missing"), "{refusal}");
}

#[test]
fn schemas_say_nothing_that_is_not_carried() {
    let size = "size: { type: number, format: double, minimum: 0, description: Its size. }";
    for (changed, reason) in [
        ("size: { type: string, enum: [A], description: S. }", "schema Thing: size: inline enumerations"),
        (
            "size: { type: string, format: email, description: S. }",
            "schema Thing: size: the string format email is unknown",
        ),
        ("size: { type: string, format: byte, description: S. }", "size: the string format Byte is not supported"),
        ("size: { type: string, pattern: '(', description: S. }", "size: the pattern is no regular expression"),
        ("size: { type: string, x-error-code: 7, description: S. }", "size: x-error-code must be a string"),
        (
            "size: { nullable: true, allOf: [{ $ref: '#/components/schemas/Kind' }], description: S. }",
            "size: nullable needs a type beside it",
        ),
        (
            "size: { type: object, allOf: [{ $ref: '#/components/schemas/Kind' }], description: S. }",
            "schema Thing: size: its type is not that of what it refers to",
        ),
        (
            "size: { type: string, maxLength: 9, allOf: [{ $ref: '#/components/schemas/Kind' }], description: S. }",
            "size: this kind of schema is not supported",
        ),
        ("size: { type: integer, description: S. }", "size: an integer needs the format"),
        ("size: { type: integer, format: int8, description: S. }", "size: the integer format int8 is unknown"),
        (
            "size: { type: integer, format: int32, multipleOf: 2, description: S. }",
            "size: integers have minimum and maximum",
        ),
        ("size: { type: number, description: S. }", "size: a number needs the format"),
        ("size: { type: number, format: half, description: S. }", "size: the number format half is unknown"),
        (
            "size: { type: number, format: float, exclusiveMinimum: true, minimum: 0, description: S. }",
            "size: numbers have minimum",
        ),
        ("size: { type: number, format: double }", "size: has no description"),
        (
            "size: { type: number, format: double, default: 1, description: S. }",
            "size: is required, so it can have no default",
        ),
        ("size: { type: string, readOnly: true, description: S. }", "size: readOnly, writeOnly and discriminator"),
        ("size: { type: object, description: S. }", "size: inline objects"),
        ("size: { description: S., oneOf: [{ type: string }] }", "size: this kind of schema"),
        ("size: { description: S., allOf: [{ type: string }] }", "size: allOf is supported around a single reference"),
        ("size: { type: array, description: S., uniqueItems: true, items: { type: string } }", "size: uniqueItems"),
        ("size: { type: array, description: S., items: { type: boolean } }", "size: the items of a list"),
        ("size: { type: string, format: binary, description: S. }", "schema Thing: size: a file belongs into a form"),
        (
            "size: { description: S., allOf: [{ $ref: '#/components/schemas/Gone' }] }",
            "schema Thing: size: refers to an unknown schema",
        ),
        (
            "size: { description: S., allOf: [{ $ref: 'other.yaml#/Thing' }] }",
            "does not point into #/components/schemas/",
        ),
    ] {
        refused(size, changed, reason);
    }
    refused("default: false", "default: maybe", "rare: the default is not of the property's type");
}

#[test]
fn named_schemas_are_objects_and_enumerations() {
    let kind = "    Kind:\n      type: string\n      description: A kind.\n      enum: [BIG_ONE, F6_4_VID60X]\n";
    refused(kind, "    Kind: { $ref: '#/components/schemas/Thing' }\n", "schema Kind: is an alias");
    refused(kind, "    Kind: { type: string, description: A kind. }\n", "schema Kind: only objects and enumerations");
    refused("      description: A kind.\n", "", "schema Kind: has no description");
    refused("required: [size]", "required: [size, weight]", "schema Thing: weight is required but not a property");
    refused(
        "      required: [size]\n",
        "      required: [size]\n      additionalProperties: true\n",
        "schema Thing: additionalProperties are not supported",
    );
    refused(
        "      required: [size]\n",
        "      required: [size]\n      minProperties: 1\n",
        "schema Thing: minProperties",
    );
    let error = "    ApiError:\n";
    refused(
        error,
        "    ThingsApi: { type: object, description: D. }\n    ApiError:\n",
        "two schemas, operations or tags would be called ThingsApi",
    );
}
