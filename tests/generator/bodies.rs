//! What requests and answers may carry.

use crate::DOCUMENT;
use crate::has;
use crate::refused;
use crate::written;

/// The tiny document with one thing changed, as it is written.
#[track_caller]
fn written_with(old: &str, new: &str) -> String {
    assert_eq!(DOCUMENT.matches(old).count(), 1, "the change must fit one place: {old}");
    written(&DOCUMENT.replace(old, new))
}

#[test]
fn bodies_are_json_or_multipart() {
    let mixed = "          multipart/mixed: { schema: { $ref: '#/components/schemas/Upload' } }\n";
    refused(mixed, "", "makeThing: a body is application/json, or multipart/form-data, multipart/mixed in this order");
    refused(mixed, &mixed.replace("Upload", "Thing"), "makeThing: both multipart types must have one schema");
    refused(
        mixed,
        "          multipart/mixed: { schema: { type: object } }\n",
        "makeThing: the schema of a body must have a name",
    );
    refused(
        "      requestBody:\n        required: true\n",
        "      requestBody:\n",
        "makeThing: only a body of application/json may be optional",
    );
}

#[test]
fn a_body_may_be_a_form_or_json_or_nothing() {
    let mixed = "          multipart/mixed: { schema: { $ref: '#/components/schemas/Upload' } }\n";
    let json = "          application/json: { schema: { $ref: '#/components/schemas/Thing' } }\n";
    let rust = written_with(mixed, &format!("{mixed}{json}"));
    has(&rust, "body: payload::either::Upload<Upload, Thing>");
    refused(
        mixed,
        &format!("{mixed}{}", json.replace("Thing", "Upload")),
        "schema Upload: is both a form and a JSON body",
    );
    let form = "          multipart/form-data: { schema: { $ref: '#/components/schemas/Upload' } }\n";
    let both = format!("        required: true\n        content:\n{form}{mixed}");
    // No form is left, and a file belongs into one.
    let without_file = DOCUMENT.replace("picture: { type: string, format: binary,", "picture: { type: string,");
    let optional = without_file.replace(&both, &format!("        content:\n{json}"));
    has(&written(&optional), "body: payload::either::OptionalJson<Thing>");
    let required = without_file.replace(&both, &format!("        required: true\n        content:\n{json}"));
    has(&written(&required), "body: payload::Json<Thing>");
}

#[test]
fn bytes_may_be_of_several_kinds() {
    let things =
        "application/json: { schema: { type: array, items: { $ref: '#/components/schemas/Thing' } }, example: [] }";
    let bytes = "schema: { type: string, format: binary }";
    let kinds = format!("{{ image/png: {{ {bytes} }}, image/webp: {{ {bytes} }} }}");
    let content = format!("          content:\n            {things}\n");
    let rust = written_with(&content, &format!("          content: {kinds}\n"));
    has(
        &rust,
        "pub enum MatchContent { #[oai(content_type = \"image/png\")] Png(Binary<Vec<u8>>), #[oai(content_type = \"image/webp\")] Webp(Binary<Vec<u8>>), }",
    );
    has(&rust, "pub enum MatchOk { /// The things. #[oai(status = 200u16)] Ok(MatchContent), }");
    refused(
        &content,
        &format!("          content: {{ image/png: {{ {bytes} }}, text/plain: {{ schema: {{ type: string }} }} }}\n"),
        "match: the answer 200: text/plain must be binary, as the first content type is",
    );
}
