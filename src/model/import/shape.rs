//! What the file may hold at each place, so that all faults of its shape are told at once: serde stops at the first.
//! Types are those of the records; a test proves that both know the same fields.

use super::{Check, Disagreement, Fault, Grammar, ImportFile, Kind, Locale, Role, Status};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashSet;

/// What may stand at a place.
enum Shape {
    /// A single value, judged by its type: what is wrong with it.
    One(fn(&Value) -> Option<String>),
    List(&'static Shape),
    Object(&'static [Field]),
    /// Or null, which says nothing.
    Maybe(&'static Shape),
}

struct Field {
    name: &'static str,
    needed: bool,
    shape: Shape,
}

const fn needed(name: &'static str, shape: Shape) -> Field {
    Field { name, needed: true, shape }
}

const fn may(name: &'static str, shape: Shape) -> Field {
    Field { name, needed: false, shape }
}

const fn one<T: DeserializeOwned>() -> Shape {
    Shape::One(|value| T::deserialize(value).err().map(|error| error.to_string()))
}

const TEXTS: Shape = Shape::List(&one::<String>());

const FILE: Shape = Shape::Object(&[
    needed("tenant", TENANT),
    may("departments", Shape::List(&Shape::Object(&[needed("id", one::<String>()), needed("name", one::<String>())]))),
    may("users", Shape::List(&USER)),
    may("jobs", Shape::List(&JOB)),
    may("applications", Shape::List(&APPLICATION)),
]);

const TENANT: Shape = Shape::Object(&[
    needed("id", one::<String>()),
    may("name", one::<Option<String>>()),
    may("import_addresses", Shape::Maybe(&TEXTS)),
    may("time_zone", one::<Option<String>>()),
    may("locale", one::<Option<Locale>>()),
    may("fallback_address", one::<Option<String>>()),
    may("reference", Shape::Maybe(&REFERENCE)),
    may("may_import", Shape::Maybe(&Shape::List(&one::<Role>()))),
    may("documents_tab", one::<Option<bool>>()),
    may("documents_kinds", Shape::Maybe(&Shape::List(&one::<Kind>()))),
    may("notify_forwarder", one::<Option<bool>>()),
    may("disagreement", one::<Option<Disagreement>>()),
    may("trusted_sealers", Shape::Maybe(&TEXTS)),
    may("refused_file_types", Shape::Maybe(&TEXTS)),
    may("filename_rules", Shape::Maybe(&Shape::List(&FILENAME_RULE))),
    may("digest_at", one::<Option<String>>()),
    may("discard_held_after_days", one::<Option<u32>>()),
]);

const REFERENCE: Shape = Shape::Object(&[
    may("pattern", one::<Option<String>>()),
    may("check", one::<Option<Check>>()),
    may("grammar", one::<Option<Grammar>>()),
    may("prefix", one::<Option<String>>()),
]);

const FILENAME_RULE: Shape = Shape::Object(&[needed("words", one::<String>()), needed("kind", one::<Kind>())]);

const USER: Shape = Shape::Object(&[
    needed("email", one::<String>()),
    needed("name", one::<String>()),
    needed("role", one::<Role>()),
    may("departments", TEXTS),
    may("locale", one::<Option<Locale>>()),
    may("aliases", TEXTS),
    may("active", one::<bool>()),
    may("receipts", one::<bool>()),
]);

const JOB: Shape = Shape::Object(&[
    needed("id", one::<String>()),
    needed("title", one::<String>()),
    may("department", one::<Option<String>>()),
    may("responsible", TEXTS),
    may("closed", one::<bool>()),
]);

const APPLICATION: Shape = Shape::Object(&[
    needed("id", one::<String>()),
    may("reference", one::<Option<String>>()),
    needed("job", one::<String>()),
    may("status", one::<Status>()),
    needed("candidate", CANDIDATE),
    may("responsible", TEXTS),
    may("erased", one::<bool>()),
]);

const CANDIDATE: Shape = Shape::Object(&[needed("id", one::<String>()), needed("name", one::<String>()), may("emails", TEXTS)]);

/// Reads the file, or says everything that is wrong with its shape. Text that is no JSON has one fault: its line and column.
pub(super) fn read(text: &str) -> Result<ImportFile, Vec<Fault>> {
    let value: Value = serde_json::from_str(text).map_err(|error| vec![no_json(&error)])?;
    let mut faults = Vec::new();
    look(&FILE, &value, "", &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    // From the text, not from the value: only so is a field that stands there twice seen.
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json)
        .map_err(|error| vec![Fault { path: error.path().to_string(), reason: error.inner().to_string() }])
}

fn no_json(error: &serde_json::Error) -> Fault {
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    Fault { path: format!("line {}, column {}", error.line(), error.column()), reason: format!("this is no JSON: {reason}") }
}

fn look(shape: &Shape, value: &Value, path: &str, faults: &mut Vec<Fault>) {
    let mut add = |path: String, reason: String| faults.push(Fault { path, reason });
    match (shape, value) {
        (Shape::Maybe(_), Value::Null) => (),
        (Shape::Maybe(shape), value) => look(shape, value, path, faults),
        (Shape::One(wrong), value) => {
            if let Some(reason) = wrong(value) {
                add(path.to_owned(), reason);
            }
        }
        (Shape::List(shape), Value::Array(list)) => {
            for (index, one) in list.iter().enumerate() {
                look(shape, one, &format!("{path}[{index}]"), faults);
            }
        }
        (Shape::List(_), _) => add(path.to_owned(), "a list is expected here".into()),
        (Shape::Object(fields), Value::Object(object)) => {
            let place = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            for field in fields.iter() {
                match object.get(field.name) {
                    Some(value) => look(&field.shape, value, &place(field.name), faults),
                    None if field.needed => faults.push(Fault { path: place(field.name), reason: "is missing".into() }),
                    None => (),
                }
            }
            let known: HashSet<&str> = fields.iter().map(|field| field.name).collect();
            for name in object.keys().filter(|name| !known.contains(name.as_str())) {
                let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                faults.push(Fault { path: place(name), reason: format!("there is no such field; there are {}", names.join(", ")) });
            }
        }
        (Shape::Object(_), _) => {
            add(if path.is_empty() { "the file".into() } else { path.to_owned() }, "an object is expected here".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the documentation, which has every field.
    fn example() -> Value {
        let text = include_str!("../../../docs/configuration.md");
        let (_, behind) = text.split_once("```json\n").unwrap();
        serde_json::from_str(behind.split_once("```").unwrap().0).unwrap()
    }

    fn places(value: &Value, at: String, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                found.push(at.clone());
                object.iter().for_each(|(key, value)| places(value, format!("{at}/{key}"), found));
            }
            Value::Array(list) => list.iter().enumerate().for_each(|(index, value)| places(value, format!("{at}/{index}"), found)),
            _ => (),
        }
    }

    /// Every field taken away, made null, a number and an object, and one more in every object: both say the same.
    #[test]
    fn the_shape_and_the_records_agree() {
        let check = |value: &Value| {
            let mut faults = Vec::new();
            look(&FILE, value, "", &mut faults);
            let read = serde_json::from_value::<ImportFile>(value.clone());
            assert_eq!(faults.is_empty(), read.is_ok(), "{value}: {faults:?}, {:?}", read.err());
        };
        let example = example();
        check(&example);
        let mut objects = Vec::new();
        places(&example, String::new(), &mut objects);
        assert_eq!(objects.len(), 9);
        for object in objects {
            let fields: Vec<String> = example.pointer(&object).unwrap().as_object().unwrap().keys().cloned().collect();
            for field in fields.iter().map(String::as_str).chain(["more"]) {
                for changed in [None, Some(Value::Null), Some(Value::from(7)), Some(serde_json::json!({})), Some(serde_json::json!(["x"]))]
                {
                    let mut value = example.clone();
                    let map = value.pointer_mut(&object).unwrap().as_object_mut().unwrap();
                    match changed {
                        Some(changed) => drop(map.insert(field.to_owned(), changed)),
                        None => drop(map.remove(field)),
                    }
                    check(&value);
                }
            }
        }
    }

    #[test]
    fn all_at_once_or_the_place_of_what_is_no_json() {
        let check = |text: &str, expected: &[&str]| {
            let faults: Vec<String> = read(text).map(|_| ()).unwrap_err().iter().map(ToString::to_string).collect();
            assert_eq!(faults.len(), expected.len(), "{faults:?}");
            for (fault, expected) in faults.iter().zip(expected) {
                assert!(fault.starts_with(expected), "{fault} / {expected}");
            }
        };
        check("{\"tenant\": {\"id\": \"acme\",}}", &["line 1, column 26: this is no JSON: trailing comma"]);
        check("", &["line 1, column 0: this is no JSON: EOF"]);
        check("[]", &["the file: an object is expected"]);
        check("{\"tenant\": {\"id\": \"a\", \"id\": \"b\"}}", &["tenant: duplicate field `id`"]);
        check(
            "{\"tenant\": {\"nmae\": \"x\", \"locale\": \"fr\"}, \"users\": [{\"email\": 7, \"role\": \"boss\"}, 3], \"jobs\": {}}",
            &[
                "tenant.id: is missing",
                "tenant.locale: unknown variant `fr`, expected one of `de`",
                "tenant.nmae: there is no such field; there are id, name",
                "users[0].email: invalid type: integer",
                "users[0].name: is missing",
                "users[0].role: unknown variant `boss`, expected one of `administrator`",
                "users[1]: an object is expected",
                "jobs: a list is expected",
            ],
        );
    }
}
