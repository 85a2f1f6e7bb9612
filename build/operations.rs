//! Reads the paths and operations of the document into those of the model.

use std::collections::BTreeSet;

use openapiv3::{
    OpenAPI, Operation as Authored, Parameter as AuthoredParameter, ParameterSchemaOrContent, PathItem, ReferenceOr,
    RequestBody, Server,
};

use super::model::{
    Access, Body, BodyKind, Contract, Field, Kind, Operation, Parameter, Path, Place, Schema, Tag, ValueType,
};
use super::{Refusal, answers, document, links, names, schemas, security};

const JSON: &str = "application/json";
/// The two content types of a body that is a JOSE object in compact form (RFC 7515, 9.2.1): its own, and one that every
/// client can send.
const JOSE: [&str; 2] = ["application/jose", "application/octet-stream"];
/// The extension that names an operation in client code, by the content type of its body.
const CLIENT_IDS: &str = "x-operation-ids";
/// The multipart types that a body must be offered in. Their order matters: client generators take the first.
const MULTIPART: [&str; 2] = ["multipart/form-data", "multipart/mixed"];

/// Checks a document and turns it into the model.
pub fn contract(document: &OpenAPI) -> Result<Contract, Refusal> {
    let mut contract = Contract {
        title: document.info.title.clone(),
        version: document.info.version.clone(),
        schemas: Vec::new(),
        security: security::schemes(document)?,
        tags: Vec::new(),
        paths: Vec::new(),
    };
    for (template, item) in &document.paths.paths {
        let item = item.as_item().ok_or_else(|| format!("path {template}: is a reference"))?;
        let root = is_root(&item.servers).map_err(|refusal| format!("path {template}: {refusal}"))?;
        contract.paths.push(path(template, item, root));
        for (method, authored) in item.iter() {
            let id = authored.operation_id.clone();
            let id = id.ok_or_else(|| format!("{method} {template}: has no operationId"))?;
            add(&mut contract.tags, document, item, authored, Operation::named(id, method, template, root))?;
        }
    }
    links::check(document, &contract.tags)?;
    contract.schemas = all_schemas(document, &contract.tags)?;
    check_names(&contract)?;
    Ok(contract)
}

/// Adds an operation to its tag. Every refusal names the operation.
fn add(
    tags: &mut Vec<Tag>,
    document: &OpenAPI,
    item: &PathItem,
    authored: &Authored,
    mut operation: Operation,
) -> Result<(), Refusal> {
    let id = operation.id.clone();
    let fill = || -> Result<(), Refusal> {
        operation.fill(document, item, authored)?;
        let [tag] = authored.tags.as_slice() else { return Err("needs exactly one tag".to_owned()) };
        let declared = document.tags.iter().find(|declared| declared.name == *tag);
        let declared = declared.ok_or_else(|| format!("the tag {tag} is not declared"))?;
        let description = declared.description.clone().ok_or_else(|| format!("the tag {tag} has no description"))?;
        match tags.iter_mut().find(|known| known.name == *tag) {
            Some(known) => known.operations.push(operation),
            None => tags.push(Tag { name: tag.clone(), description, operations: vec![operation] }),
        }
        Ok(())
    };
    fill().map_err(|refusal| format!("{id}: {refusal}"))
}

impl Operation {
    fn named(id: String, method: &str, path: &str, root: bool) -> Self {
        Self {
            id,
            client_ids: Vec::new(),
            method: method.to_owned(),
            path: path.to_owned(),
            root,
            summary: String::new(),
            description: String::new(),
            deprecated: false,
            access: Access::Open,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
        }
    }

    fn fill(&mut self, document: &OpenAPI, item: &PathItem, authored: &Authored) -> Result<(), Refusal> {
        if !authored.servers.is_empty() || !authored.callbacks.is_empty() {
            return Err("servers and callbacks of an operation are not supported".to_owned());
        }
        let text = |text: &Option<String>, missing: &str| {
            text.as_deref().map(str::trim).map(str::to_owned).ok_or(missing.to_owned())
        };
        self.summary = text(&authored.summary, "has no summary")?;
        self.description = text(&authored.description, "has no description")?;
        self.deprecated = authored.deprecated;
        self.access = security::access(document, authored)?;
        for authored in item.parameters.iter().chain(&authored.parameters) {
            self.parameters.push(parameter(document::parameter(document, authored)?)?);
        }
        self.body = authored.request_body.as_ref().map(body).transpose()?;
        self.client_ids = client_ids(authored, self.body.as_ref())?;
        self.answers = answers::all(document, &authored.responses)?;
        self.check_statuses()
    }

    /// Checks that the operation declares every status that the framework itself may answer with.
    fn check_statuses(&self) -> Result<(), Refusal> {
        let mut needed = vec![(500, "every operation can fail")];
        if self.access != Access::Open {
            needed.push((401, "a key can be wrong"));
            needed.push((429, "a provider can ask too much"));
            needed.push((503, "the database can be away"));
        }
        if self.body.is_some() || !self.parameters.is_empty() {
            needed.push((400, "what is sent can be wrong"));
        }
        if self.body.is_some() {
            needed.push((408, "a body can come too slowly"));
            needed.push((413, "a body can be too large"));
            needed.push((415, "a body can be of another type"));
        }
        for (status, reason) in needed {
            if !self.answers.iter().any(|answer| answer.status == status) {
                return Err(format!("the answer {status} is missing: {reason}"));
            }
        }
        if !self.answers.iter().any(|answer| answer.status < 400) {
            return Err("no answer below 400 is declared".to_owned());
        }
        Ok(())
    }
}

fn is_root(servers: &[Server]) -> Result<bool, Refusal> {
    match servers {
        [] => Ok(false),
        [server] if server.url == "/" => Ok(true),
        _ => Err("the only server a path may have of its own is /".to_owned()),
    }
}

fn path(template: &str, item: &PathItem, root: bool) -> Path {
    let mut methods: Vec<String> = item.iter().map(|(method, _)| method.to_uppercase()).collect();
    if methods.iter().any(|method| method == "GET") {
        methods.push("HEAD".to_owned());
    }
    Path { template: template.to_owned(), root, allow: methods.join(", ") }
}

fn parameter(authored: &AuthoredParameter) -> Result<Parameter, Refusal> {
    let data = authored.parameter_data_ref();
    let name = &data.name;
    let place = match authored {
        AuthoredParameter::Path { .. } => Place::Path,
        AuthoredParameter::Query { .. } => Place::Query,
        AuthoredParameter::Header { .. } => Place::Header,
        AuthoredParameter::Cookie { .. } => return Err(format!("parameter {name}: cookies are not supported")),
    };
    let ParameterSchemaOrContent::Schema(schema) = &data.format else {
        return Err(format!("parameter {name}: needs a schema"));
    };
    let (value, mut notes) = schemas::value(schema).map_err(|refusal| format!("parameter {name}: {refusal}"))?;
    if matches!(value, ValueType::List(_) | ValueType::File) {
        return Err(format!("parameter {name}: lists and files are not supported"));
    }
    notes.description.clone_from(&data.description);
    notes.deprecated |= data.deprecated.unwrap_or_default();
    if notes.description.is_none() {
        return Err(format!("parameter {name}: has no description"));
    }
    Ok(Parameter { place, field: Field { name: name.clone(), required: data.required, value, notes } })
}

fn body(authored: &ReferenceOr<RequestBody>) -> Result<Body, Refusal> {
    let authored = authored.as_item().ok_or("a referenced requestBody is not supported")?;
    if authored.content.contains_key(JOSE[0]) {
        let values = authored.content.values().map(|content| content.schema.as_ref().map(schemas::value).transpose());
        let is_binary =
            values.collect::<Result<Vec<_>, _>>()?.iter().all(|value| matches!(value, Some((ValueType::File, _))));
        return if authored.required && authored.content.keys().eq(JOSE) && is_binary {
            Ok(Body { description: authored.description.clone(), kind: BodyKind::Jose })
        } else {
            Err(format!("a body of {} is binary, required, and of these types in this order", JOSE.join(" or ")))
        };
    }
    let named = authored.content.values().map(|content| match &content.schema {
        Some(ReferenceOr::Reference { reference }) => document::referred(reference, "schemas").map(str::to_owned),
        _ => Err("the schema of a body must have a name".to_owned()),
    });
    let named = named.collect::<Result<Vec<_>, _>>()?;
    let types: Vec<&str> = authored.content.keys().map(String::as_str).collect();
    let kind = match (types.as_slice(), named.as_slice()) {
        ([JSON], [json]) if authored.required => BodyKind::Json(json.clone()),
        ([JSON], [json]) => BodyKind::OptionalJson(json.clone()),
        _ if !authored.required => return Err(format!("only a body of {JSON} may be optional")),
        ([types @ .., JSON], [form, other, json]) if types == MULTIPART && form == other => {
            BodyKind::Upload { form: form.clone(), json: json.clone() }
        }
        (types, [form, other]) if types == MULTIPART && form == other => BodyKind::Multipart(form.clone()),
        ([first, second, ..], [_, _, ..]) if [*first, *second] == MULTIPART && types.len() <= 3 => {
            return Err("both multipart types must have one schema".to_owned());
        }
        _ => {
            return Err(format!(
                "a body is {JSON}, {}, or {} in this order, or these and then {JSON}",
                JOSE[0],
                MULTIPART.join(", ")
            ));
        }
    };
    Ok(Body { description: authored.description.clone(), kind })
}

/// Returns the names of an operation in client code, one for each kind of body. A generator of client code takes only
/// one kind of body for an operation, so each kind must have its own name.
fn client_ids(authored: &Authored, body: Option<&Body>) -> Result<Vec<String>, Refusal> {
    let is_either = body.is_some_and(|body| matches!(body.kind, BodyKind::Upload { .. }));
    let kinds: &[&str] = if is_either { &[MULTIPART[0], JSON] } else { &[] };
    let named = authored.extensions.get(CLIENT_IDS).and_then(serde_json::Value::as_object).cloned().unwrap_or_default();
    if !named.keys().eq(kinds) {
        return Err(match kinds {
            [] => format!("{CLIENT_IDS} is for a body that is a form or JSON"),
            kinds => format!("{CLIENT_IDS} must name {}, in this order", kinds.join(" and ")),
        });
    }
    let text = |id: &serde_json::Value| id.as_str().map(str::to_owned);
    named.values().map(text).collect::<Option<_>>().ok_or_else(|| format!("{CLIENT_IDS}: a name is a string"))
}

fn all_schemas(document: &OpenAPI, tags: &[Tag]) -> Result<Vec<Schema>, Refusal> {
    let bodies = || tags.iter().flat_map(|tag| &tag.operations).filter_map(|operation| operation.body.as_ref());
    let forms: BTreeSet<&String> = bodies().filter_map(|body| body.kind.form()).collect();
    if let Some(both) = bodies().filter_map(|body| body.kind.json()).find(|name| forms.contains(name)) {
        return Err(format!("schema {both}: is both a form and a JSON body"));
    }
    let authored = &document::components(document)?.schemas;
    let schemas = authored.iter().map(|(name, schema)| schemas::named(name, schema, forms.contains(name)));
    let schemas = schemas.collect::<Result<Vec<_>, _>>()?;
    for schema in &schemas {
        let Kind::Object(fields) = &schema.kind else { continue };
        if let Some(file) = fields.iter().find(|field| field.value == ValueType::File) {
            return Err(format!("schema {}: {}: a file belongs into a form", schema.name, file.name));
        }
    }
    Ok(schemas)
}

/// Refuses names that are used twice and references that lead nowhere. The compiler would refuse them too, but less
/// clearly.
fn check_names(contract: &Contract) -> Result<(), Refusal> {
    let mut taken = BTreeSet::new();
    let operations = || contract.tags.iter().flat_map(|tag| &tag.operations);
    let mut ids = BTreeSet::new();
    let all_ids = operations().flat_map(|operation| std::iter::once(&operation.id).chain(&operation.client_ids));
    if let Some(twice) = all_ids.into_iter().find(|id| !ids.insert(*id)) {
        return Err(format!("{twice}: the operationId is used twice"));
    }
    let of_operations = operations().flat_map(|operation| {
        let stem = names::pascal(&operation.id);
        [format!("{stem}Ok"), format!("{stem}Error"), format!("{stem}Content")]
    });
    let of_tags = contract.tags.iter().flat_map(|tag| {
        let stem = names::pascal(&tag.name);
        [format!("{stem}Api"), format!("{stem}Routes"), format!("{stem}RootRoutes")]
    });
    let of_schemas = contract.schemas.iter().map(|schema| names::pascal(&schema.name));
    for name in of_schemas.chain(of_operations).chain(of_tags) {
        if !taken.insert(name.clone()) {
            return Err(format!("two schemas, operations or tags would be called {name}"));
        }
    }
    for schema in &contract.schemas {
        if let Kind::OneOrList { item, .. } = &schema.kind
            && !contract.schemas.iter().any(|known| known.name == *item && matches!(known.kind, Kind::Object(_)))
        {
            return Err(format!("schema {}: its choice is one object of a known schema", schema.name));
        }
        let (Kind::Object(fields) | Kind::Form(fields)) = &schema.kind else { continue };
        let unknown = fields.iter().find(|field| !is_known(&field.value, contract));
        if let Some(field) = unknown {
            return Err(format!("schema {}: {}: refers to an unknown schema", schema.name, field.name));
        }
        let other = fields.iter().find(|field| !is_beside_its_like(field, contract));
        if let Some(field) = other {
            return Err(format!("schema {}: {}: its type is not that of what it refers to", schema.name, field.name));
        }
    }
    Ok(())
}

/// False if a type stands beside a reference to something of another type.
fn is_beside_its_like(field: &Field, contract: &Contract) -> bool {
    let (Some(beside), ValueType::Named(name)) = (&field.notes.beside, &field.value) else { return true };
    let referred = contract.schemas.iter().find(|schema| schema.name == *name).map(|schema| &schema.kind);
    match referred {
        Some(Kind::Enumeration { .. }) => beside == "string",
        Some(Kind::Object(_)) => beside == "object",
        _ => false,
    }
}

fn is_known(value: &ValueType, contract: &Contract) -> bool {
    match value {
        ValueType::Named(name) => contract.schemas.iter().any(|schema| schema.name == *name),
        ValueType::List(items) => is_known(items, contract),
        _ => true,
    }
}
