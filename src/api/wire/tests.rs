//! Tests that read and write values of JSON.

use serde_json::json;

use super::*;

#[test]
fn strings_are_strings() {
    assert_eq!(String::read(json!("5")), Ok("5".to_owned()));
    assert!(String::read(json!(5)).is_err());
    assert!(String::read(json!(true)).is_err());
    assert!(String::read(json!("a\u{0}b")).is_err());
}

#[test]
fn moments_have_milliseconds_and_z() {
    let read = |text: &str| Timestamp::read(json!(text)).map(|time| time.write());
    assert_eq!(read("2017-11-14T15:31:42.228901+01:00"), Ok(json!("2017-11-14T14:31:42.228Z")));
    assert_eq!(read("2017-05-18T12:41:09.58Z"), Ok(json!("2017-05-18T12:41:09.580Z")));
    assert!(read("2017-05-18").is_err());
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let mut members = Members::of(json!({"list": [1, "x"], "name": "abc", "nothing": null})).expect("an object");
    let list = members.required::<Vec<i32>>("list", &[]).expect_err("an item is no number");
    assert_eq!(list.within("outer").to_string(), "outer.list[1]: must be a whole number.");
    let name = members.required::<String>("name", &[Limit::LengthMax(2)]).expect_err("it is too long");
    assert_eq!(name.to_string(), "name: must have at most 2 characters.");
    let missing = members.required::<Uuid>("id", &[]).expect_err("it is missing");
    assert_eq!(missing.to_string(), "id: is required and must be a UUID.");
    assert_eq!(members.optional::<Uuid>("nothing", &[]), Ok(None));
}

#[test]
fn patterns_are_found_in_texts() {
    let read = |text: &str| limited::<Uri>(json!(text), &[Limit::Pattern(pattern!("^https?://"))]);
    assert_eq!(read("https://a.example/"), Ok(Uri("https://a.example/".to_owned())));
    let other = read("ftp://a.example/").expect_err("it is of another scheme");
    assert_eq!(other.expected, "must match the pattern ^https?://");
    assert_eq!(read("/a").expect_err("it is not absolute").expected, "must be an absolute URL");
}
