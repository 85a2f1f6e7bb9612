//! Reads the schemas of the document into those of the model.

use openapiv3::{
    AnySchema, ArrayType, IntegerFormat, IntegerType, NumberFormat, NumberType, ObjectType, ReferenceOr,
    Schema as Authored, SchemaData, SchemaKind, StringFormat, StringType, Type, VariantOrUnknownOrEmpty,
};
use regex::Regex;
use serde_json::Value;

use super::model::{Field, Kind, Notes, Schema, ValueType};
use super::{Refusal, document};

/// The extension that names the code for a value that breaks its schema, where it differs from the code of all
/// parameters.
const ERROR_CODE: &str = "x-error-code";
/// The extension that lists words that an enumeration does not have, each with the code that refuses it.
const REFUSED: &str = "x-refused-words";

/// Reads a schema of `components`; `form` is true if the schema is the body of a multipart request.
pub fn named(name: &str, schema: &ReferenceOr<Authored>, form: bool) -> Result<Schema, Refusal> {
    let schema = schema.as_item().ok_or_else(|| format!("schema {name}: is an alias; use the other name"))?;
    let description = schema.schema_data.description.as_deref().map(str::trim).map(str::to_owned);
    let description = description.ok_or_else(|| format!("schema {name}: has no description"))?;
    let kind = match &schema.schema_kind {
        SchemaKind::Type(Type::String(text)) if !text.enumeration.is_empty() => {
            let words = text.enumeration.iter().flatten().cloned().collect::<Vec<_>>();
            let refused = refused(&schema.schema_data).map_err(|refusal| format!("schema {name}: {refusal}"))?;
            Kind::Enumeration { words, refused }
        }
        SchemaKind::Type(Type::Object(object)) => {
            let fields = fields(object).map_err(|refusal| format!("schema {name}: {refusal}"))?;
            if form { Kind::Form(fields) } else { Kind::Object(fields) }
        }
        SchemaKind::OneOf { one_of } => one_or_list(one_of).map_err(|refusal| format!("schema {name}: {refusal}"))?,
        _ => return Err(format!("schema {name}: only objects and enumerations of strings can be named")),
    };
    Ok(Schema { name: name.to_owned(), description, example: schema.schema_data.example.clone(), kind })
}

/// Reads the only choice that is supported: one value, or a list of such values.
fn one_or_list(choices: &[ReferenceOr<Authored>]) -> Result<Kind, Refusal> {
    let refusal = || "a choice is a reference and then a list of the same".to_owned();
    let [one, list] = choices else { return Err(refusal()) };
    let ((ValueType::Named(item), _), (ValueType::List(items), notes)) = (value(one)?, value(list)?) else {
        return Err(refusal());
    };
    if *items != ValueType::Named(item.clone()) {
        return Err(refusal());
    }
    Ok(Kind::OneOrList { item, limits: notes.limits })
}

fn fields(object: &ObjectType) -> Result<Vec<Field>, Refusal> {
    if object.additional_properties.is_some() {
        return Err("additionalProperties are not supported: other members are ignored".to_owned());
    }
    if object.min_properties.is_some() || object.max_properties.is_some() {
        return Err("minProperties and maxProperties are not supported".to_owned());
    }
    if let Some(stray) = object.required.iter().find(|name| !object.properties.contains_key(*name)) {
        return Err(format!("{stray} is required but not a property"));
    }
    object
        .properties
        .iter()
        .map(|(name, property)| {
            let property = property.clone().unbox();
            let (value, notes) = value(&property).map_err(|refusal| format!("{name}: {refusal}"))?;
            if notes.description.is_none() {
                return Err(format!("{name}: has no description"));
            }
            let required = object.required.contains(name);
            if required && notes.default.is_some() {
                return Err(format!("{name}: is required, so it can have no default"));
            }
            Ok(Field { name: name.clone(), required, value, notes })
        })
        .collect()
}

/// Reads a schema that is used in place, into its type and its notes.
pub fn value(schema: &ReferenceOr<Authored>) -> Result<(ValueType, Notes), Refusal> {
    let schema = match schema {
        ReferenceOr::Reference { reference } => return Ok((named_value(reference)?, Notes::default())),
        ReferenceOr::Item(schema) => schema,
    };
    let data = &schema.schema_data;
    if data.read_only || data.write_only || data.discriminator.is_some() {
        return Err("readOnly, writeOnly and discriminator are not supported".to_owned());
    }
    let mut notes = Notes {
        description: data.description.as_deref().map(str::trim).map(str::to_owned),
        default: data.default.clone(),
        example: data.example.clone(),
        nullable: data.nullable,
        deprecated: data.deprecated,
        error_code: error_code(data)?,
        ..Notes::default()
    };
    let value = match &schema.schema_kind {
        SchemaKind::Type(Type::String(text)) => string(text, &mut notes)?,
        SchemaKind::Type(Type::Integer(integer)) => whole_number(integer, &mut notes)?,
        SchemaKind::Type(Type::Number(number)) => real_number(number, &mut notes)?,
        SchemaKind::Type(Type::Boolean(boolean)) if boolean.enumeration.is_empty() => ValueType::Boolean,
        SchemaKind::Type(Type::Array(array)) => list(array, &mut notes)?,
        SchemaKind::AllOf { .. } if data.nullable => return Err("nullable needs a type beside it".to_owned()),
        SchemaKind::AllOf { all_of } => wrapped(all_of)?,
        SchemaKind::Any(any) => {
            notes.beside.clone_from(&any.typ);
            let plain = AnySchema { typ: any.typ.clone(), all_of: any.all_of.clone(), ..AnySchema::default() };
            if *any != plain {
                return Err("this kind of schema is not supported".to_owned());
            }
            wrapped(&any.all_of)?
        }
        SchemaKind::Type(Type::Object(_)) => {
            return Err("inline objects are not supported; name it in components/schemas".to_owned());
        }
        _ => return Err("this kind of schema is not supported".to_owned()),
    };
    if notes.default.as_ref().is_some_and(|default| !fits(&value, default)) {
        return Err("the default is not of the property's type, or of one that can have none".to_owned());
    }
    Ok((value, notes))
}

fn wrapped(all_of: &[ReferenceOr<Authored>]) -> Result<ValueType, Refusal> {
    match all_of {
        [ReferenceOr::Reference { reference }] => named_value(reference),
        _ => Err("allOf is supported around a single reference alone".to_owned()),
    }
}

fn error_code(data: &SchemaData) -> Result<Option<String>, Refusal> {
    let Some(code) = data.extensions.get(ERROR_CODE) else { return Ok(None) };
    code.as_str().map(|code| Some(code.to_owned())).ok_or_else(|| format!("{ERROR_CODE} must be a string"))
}

fn refused(data: &SchemaData) -> Result<Vec<(String, String)>, Refusal> {
    let words =
        data.extensions.get(REFUSED).map(|words| words.as_object().ok_or(format!("{REFUSED} must be an object")));
    let pair = |(word, code): (&String, &Value)| code.as_str().map(|code| (word.clone(), code.to_owned()));
    let pairs = words.transpose()?.into_iter().flatten().map(pair).collect::<Option<_>>();
    pairs.ok_or_else(|| format!("{REFUSED}: a code must be a string"))
}

fn named_value(reference: &str) -> Result<ValueType, Refusal> {
    Ok(ValueType::Named(document::referred(reference, "schemas")?.to_owned()))
}

fn fits(value: &ValueType, default: &Value) -> bool {
    match value {
        ValueType::Boolean => default.is_boolean(),
        ValueType::Int32 | ValueType::Int64 => default.is_i64(),
        ValueType::Float | ValueType::Double => default.is_number(),
        ValueType::Text | ValueType::Named(_) => default.is_string(),
        _ => false,
    }
}

fn string(text: &StringType, notes: &mut Notes) -> Result<ValueType, Refusal> {
    if !text.enumeration.is_empty() {
        return Err("inline enumerations are not supported; name it in components/schemas".to_owned());
    }
    if let Some(Err(error)) = text.pattern.as_deref().map(Regex::new) {
        return Err(format!("the pattern is no regular expression: {error}"));
    }
    notes.limits.pattern.clone_from(&text.pattern);
    (notes.limits.length_min, notes.limits.length_max) = (text.min_length, text.max_length);
    match &text.format {
        VariantOrUnknownOrEmpty::Empty => Ok(ValueType::Text),
        VariantOrUnknownOrEmpty::Item(StringFormat::DateTime) => Ok(ValueType::Timestamp),
        VariantOrUnknownOrEmpty::Item(StringFormat::Binary) => Ok(ValueType::File),
        VariantOrUnknownOrEmpty::Unknown(format) if format == "uuid" => Ok(ValueType::Uuid),
        VariantOrUnknownOrEmpty::Unknown(format) if format == "uri" => Ok(ValueType::Uri),
        VariantOrUnknownOrEmpty::Unknown(format) => Err(format!("the string format {format} is unknown")),
        VariantOrUnknownOrEmpty::Item(format) => Err(format!("the string format {format:?} is not supported")),
    }
}

fn whole_number(integer: &IntegerType, notes: &mut Notes) -> Result<ValueType, Refusal> {
    if integer.multiple_of.is_some()
        || integer.exclusive_minimum
        || integer.exclusive_maximum
        || !integer.enumeration.is_empty()
    {
        return Err("integers have minimum and maximum, and no other limits".to_owned());
    }
    notes.limits.minimum = integer.minimum.map(|limit| limit as f64);
    notes.limits.maximum = integer.maximum.map(|limit| limit as f64);
    match &integer.format {
        VariantOrUnknownOrEmpty::Item(IntegerFormat::Int32) => Ok(ValueType::Int32),
        VariantOrUnknownOrEmpty::Item(IntegerFormat::Int64) => Ok(ValueType::Int64),
        VariantOrUnknownOrEmpty::Unknown(format) => Err(format!("the integer format {format} is unknown")),
        VariantOrUnknownOrEmpty::Empty => Err("an integer needs the format int32 or int64".to_owned()),
    }
}

fn real_number(number: &NumberType, notes: &mut Notes) -> Result<ValueType, Refusal> {
    if number.multiple_of.is_some()
        || number.exclusive_minimum
        || number.exclusive_maximum
        || !number.enumeration.is_empty()
    {
        return Err("numbers have minimum and maximum, and no other limits".to_owned());
    }
    (notes.limits.minimum, notes.limits.maximum) = (number.minimum, number.maximum);
    match &number.format {
        VariantOrUnknownOrEmpty::Item(NumberFormat::Float) => Ok(ValueType::Float),
        VariantOrUnknownOrEmpty::Item(NumberFormat::Double) => Ok(ValueType::Double),
        VariantOrUnknownOrEmpty::Unknown(format) => Err(format!("the number format {format} is unknown")),
        VariantOrUnknownOrEmpty::Empty => Err("a number needs the format float or double".to_owned()),
    }
}

fn list(array: &ArrayType, notes: &mut Notes) -> Result<ValueType, Refusal> {
    if array.unique_items {
        return Err("uniqueItems is not supported".to_owned());
    }
    (notes.limits.items_min, notes.limits.items_max) = (array.min_items, array.max_items);
    let items = array.items.clone().ok_or("a list needs items")?.unbox();
    match &items {
        ReferenceOr::Reference { reference } => Ok(ValueType::List(Box::new(named_value(reference)?))),
        ReferenceOr::Item(schema) => match &schema.schema_kind {
            SchemaKind::Type(Type::String(text)) if *text == StringType::default() => {
                Ok(ValueType::List(Box::new(ValueType::Text)))
            }
            _ => Err("the items of a list are plain strings or a reference".to_owned()),
        },
    }
}
