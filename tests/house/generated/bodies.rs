//! Tests the bodies of requests and answers.

use crate::generated::{DOCUMENT, has, refused, written};
use crate::generator;

/// The names of the operation in client code, for each kind of body.
const NAMES: &str =
    "      x-operation-ids: { multipart/form-data: makeFromPicture, application/json: makeFromThing }\n";

/// Returns the output for the tiny document with one change.
#[track_caller]
fn written_with(old: &str, new: &str) -> String {
    assert_eq!(DOCUMENT.matches(old).count(), 1, "the change must fit one place: {old}");
    written(&DOCUMENT.replace(old, new))
}

#[test]
fn bodies_are_json_or_multipart() {
    let mixed = "          multipart/mixed: { schema: { $ref: '#/components/schemas/Upload' } }\n";
    refused(
        mixed,
        "",
        "makeThing: a body is application/json, application/jose, or multipart/form-data, multipart/mixed in this order",
    );
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
    let named = DOCUMENT.replace("operationId: makeThing\n", &format!("operationId: makeThing\n{NAMES}"));
    has(
        &written(&named.replace(mixed, &format!("{mixed}{json}"))),
        "body: payload::either::Upload<types::Upload, types::Thing>",
    );
    let both = named.replace(mixed, &format!("{mixed}{}", json.replace("Thing", "Upload")));
    let refusal = generator::generate(&both).expect_err("one schema has two forms");
    assert!(refusal.contains("schema Upload: is both a form and a JSON body"), "{refusal}");
    let form = "          multipart/form-data: { schema: { $ref: '#/components/schemas/Upload' } }\n";
    let both = format!("        required: true\n        content:\n{form}{mixed}");
    // No form is left, but a file needs a form.
    let without_file = DOCUMENT.replace("picture: { type: string, format: binary,", "picture: { type: string,");
    let optional = without_file.replace(&both, &format!("        content:\n{json}"));
    has(&written(&optional), "body: payload::either::OptionalJson<types::Thing>");
    let required = without_file.replace(&both, &format!("        required: true\n        content:\n{json}"));
    has(&written(&required), "body: payload::json::Json<types::Thing>");
}

#[test]
fn a_body_may_be_a_jose_object() {
    let forms = "          multipart/form-data: { schema: { $ref: '#/components/schemas/Upload' } }\n          multipart/mixed: { schema: { $ref: '#/components/schemas/Upload' } }\n";
    let bytes = "{ schema: { type: string, format: binary } }";
    let jose = &format!("          application/jose: {bytes}\n          application/octet-stream: {bytes}\n");
    let without_file = DOCUMENT.replace("picture: { type: string, format: binary,", "picture: { type: string,");
    has(&written(&without_file.replace(forms, jose)), "body: payload::jose::Jose");
    let refusal = "makeThing: a body of application/jose or application/octet-stream is binary, required";
    refused(forms, &jose.replace("string, format: binary", "object"), "inline objects are not supported");
    refused(forms, &jose.replace(", format: binary", ""), refusal);
    refused(forms, &jose.replace("octet-stream", "json"), refusal);
    refused(forms, &format!("{jose}{forms}"), refusal);
    let with_head = format!("        required: true\n        content:\n{forms}");
    refused(&with_head, &format!("        content:\n{jose}"), refusal);
}

#[test]
fn a_value_may_be_one_or_a_list() {
    let thing = "    Thing:\n      type: object\n";
    let choice = |list: &str| {
        let one = "{ $ref: '#/components/schemas/Thing' }";
        format!("    Some:\n      description: Some.\n      oneOf: [{one}, {list}]\n{thing}")
    };
    let list = "{ type: array, items: { $ref: '#/components/schemas/Thing' }, minItems: 1, maxItems: 3 }";
    let rust = written_with(thing, &choice(list));
    has(&rust, "pub enum Some { One(Thing), List(Vec<Thing>), }");
    has(&rust, "wire::Limit::ItemsMax(3usize)");
    let refusal = "schema Some: a choice is a reference and then a list of the same";
    refused(thing, &choice("{ type: string }"), refusal);
    refused(thing, &choice(&list.replace("Thing", "Kind")), refusal);
    let of_kinds = choice(list).replacen("Thing' }", "Kind' }", 2);
    refused(thing, &of_kinds, "schema Some: its choice is one object of a known schema");
}

#[test]
fn each_kind_of_body_has_a_name_for_client_code() {
    let mixed = "          multipart/mixed: { schema: { $ref: '#/components/schemas/Upload' } }\n";
    let either = format!("{mixed}          application/json: {{ schema: {{ $ref: '#/components/schemas/Thing' }} }}\n");
    refused(
        mixed,
        &either,
        "makeThing: x-operation-ids must name multipart/form-data and application/json, in this order",
    );
    let id = "operationId: makeThing\n";
    refused(id, &format!("{id}{NAMES}"), "makeThing: x-operation-ids is for a body that is a form or JSON");
    let either = DOCUMENT.replace(mixed, &either);
    let refusal = |names: &str| {
        let document = either.replace(id, &format!("{id}{names}"));
        generator::generate(&document).expect_err("the names are not fine")
    };
    let swapped = refusal("      x-operation-ids: { application/json: a, multipart/form-data: b }\n");
    assert!(swapped.contains("in this order"), "{swapped}");
    assert!(refusal(&NAMES.replace("makeFromThing", "7")).contains("a name is a string"));
    assert_eq!(refusal(&NAMES.replace("makeFromThing", "match")), "match: the operationId is used twice");
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

#[test]
fn a_value_may_have_a_pattern_and_a_code_of_its_own() {
    let note = "note: { type: string, maxLength: 9,";
    let rust = written_with(note, "note: { type: string, format: uri, pattern: ^h, x-error-code: NO_NOTE,");
    has(&rust, "pub note: Option<wire::Uri>,");
    has(&rust, "wire::Limit::Pattern(wire::pattern!(\"^h\"))");
    has(&rust, ".map_err(|invalid| invalid.coded(\"NO_NOTE\"))?,");
    let kind = "description: A kind.\n";
    let rust = written_with(kind, &format!("{kind}      x-refused-words: {{ OLD: TOO_OLD }}\n"));
    has(&rust, "Some(\"OLD\") => Err(wire::Invalid::not_one_of(Self::WORDS).coded(\"TOO_OLD\")),");
    refused(kind, &format!("{kind}      x-refused-words: [OLD]\n"), "schema Kind: x-refused-words must be an object");
    refused(kind, &format!("{kind}      x-refused-words: {{ OLD: 7 }}\n"), "x-refused-words: a code must be a string");
}

#[test]
fn a_link_leads_somewhere_and_gives_what_is_needed_there() {
    let made = "            Location: { description: Where., required: true, schema: { type: string } }\n";
    let link = |link: &str| format!("{made}          links: {{ again: {{ {link} }} }}\n");
    assert_eq!(written_with(made, &link("operationId: makeThing, parameters: { thingId: 1 }")), written(DOCUMENT));
    refused(made, &link("operationId: makeThin, parameters: {}"), "link again: there is no operation makeThin");
    refused(made, &link("operationId: makeThing, parameters: {}"), "link again: makeThing needs thingId");
    let stray = "operationId: makeThing, parameters: { thingId: 1, kind: 2 }";
    refused(made, &link(stray), "link again: makeThing has no parameter kind");
    refused(made, &link("operationRef: '#/x'"), "link again: needs an operationId");
}
