//! Checks the links from answers to the operations that take what was made.

use openapiv3::{Link, LinkOperation, OpenAPI};

use super::model::{Place, Tag};
use super::{Refusal, document};

/// Checks that each link leads to an operation and gives it every parameter of its path. Links are for clients; no code
/// is generated from them.
pub fn check(document: &OpenAPI, tags: &[Tag]) -> Result<(), Refusal> {
    for (_, _, operation) in document.operations() {
        for response in operation.responses.responses.values() {
            for (name, link) in &document::response(document, response)?.links {
                let link = link.as_item().ok_or_else(|| format!("link {name}: is a reference"))?;
                leads(link, tags).map_err(|refusal| format!("link {name}: {refusal}"))?;
            }
        }
    }
    Ok(())
}

fn leads(link: &Link, tags: &[Tag]) -> Result<(), Refusal> {
    let LinkOperation::OperationId(id) = &link.operation else { return Err("needs an operationId".to_owned()) };
    let target = tags.iter().flat_map(|tag| &tag.operations).find(|operation| operation.id == *id);
    let target = target.ok_or_else(|| format!("there is no operation {id}"))?;
    let known = |name: &str| target.parameters.iter().any(|parameter| parameter.field.name == name);
    if let Some(name) = link.parameters.keys().find(|name| !known(name)) {
        return Err(format!("{id} has no parameter {name}"));
    }
    let mut needed = target.parameters.iter().filter(|parameter| parameter.place == Place::Path);
    match needed.find(|parameter| !link.parameters.contains_key(&parameter.field.name)) {
        Some(parameter) => Err(format!("{id} needs {}", parameter.field.name)),
        None => Ok(()),
    }
}
