//! Writes calibrations as tables of a pack's manifest.

use std::collections::BTreeMap;

use face::calibration::{Calibration, Knot};
use face::curves::{Curves, Types};
use face::discount::{Discount, Discounts, Steps};

use crate::Error;

/// The headers of the tables that are written here, in the form that packs use.
const HEADER: &str = "[calibration]";
const HEADERS_BY_TYPES: &str = "[calibration_by_types.";
const DISCOUNT: &str = "[[discount]]";
const KNOTS: &str = "knots";
const KNOTS_PER_LINE: usize = 4;

/// Returns the tables of a manifest that hold `curves`.
pub fn tables(curves: &Curves) -> Result<String, Error> {
    let by_types = curves.by_types.iter().map(|(types, curve)| (format!("{HEADERS_BY_TYPES}\"{types}\"]"), curve));
    let tables = std::iter::once((HEADER.to_owned(), &curves.general)).chain(by_types);
    let mut tables: Vec<String> = tables.map(|(header, curve)| table(&header, curve)).collect::<Result<_, _>>()?;
    tables.extend(curves.discounts.poor.all().iter().map(discount));
    Ok(tables.join("\n"))
}

fn table(header: &str, calibration: &Calibration) -> Result<String, Error> {
    let unwritten = |error: toml::ser::Error| Error::Manifest(error.to_string());
    let fields = toml::Table::try_from(calibration).map_err(unwritten)?;
    let mut text = format!("{header}\n");
    for (key, value) in fields.iter().filter(|(key, _)| *key != KNOTS) {
        text += &[key, " = ", &value.to_string(), "\n"].concat();
    }
    text += &["# Cosine and score.\n", KNOTS, " = [\n"].concat();
    let written = |knot: &Knot| format!("[{:?}, {:?}]", knot.cosine, knot.score);
    for knots in calibration.knots().chunks(KNOTS_PER_LINE) {
        let knots: Vec<String> = knots.iter().map(written).collect();
        text += &["    ", &knots.join(", "), ",\n"].concat();
    }
    Ok(text + "]\n")
}

/// Writes one discount as a table of the manifest.
fn discount(discount: &Discount) -> String {
    let places: Vec<String> = discount.cosines.iter().map(|[own, left]| format!("[{own:?}, {left:?}]")).collect();
    format!("{DISCOUNT}\nbelow = {}\ncosines = [{}]\n", discount.below, places.join(", "))
}

/// Returns the manifest's text with all its curves replaced, or appended if it has none; everything else stays the
/// same.
pub fn with(manifest: &str, curves: &Curves) -> Result<String, Error> {
    let mut kept = String::new();
    let mut inside = false;
    for line in manifest.lines() {
        // Inside a table, a bracket at the beginning of a line can only open the next table: arrays are indented.
        if line.starts_with('[') {
            inside = [HEADER, DISCOUNT].contains(&line.trim_end()) || line.starts_with(HEADERS_BY_TYPES);
        }
        if !inside {
            kept += line;
            kept.push('\n');
        }
    }
    let text = format!("{}\n\n{}", kept.trim_end(), tables(curves)?);
    let parsed: Manifest = toml::from_str(&text).map_err(|error| Error::Manifest(error.to_string()))?;
    let discounts = Discounts { poor: parsed.discount, ..Discounts::default() };
    let written = Curves { general: parsed.calibration, by_types: parsed.calibration_by_types, discounts };
    if written == *curves { Ok(text) } else { Err(Error::Manifest("it is changed".into())) }
}

/// The part of a manifest that is written here.
#[derive(serde::Deserialize)]
struct Manifest {
    calibration: Calibration,
    #[serde(default)]
    calibration_by_types: BTreeMap<Types, Calibration>,
    #[serde(default)]
    discount: Steps,
}

#[cfg(test)]
mod tests {
    use face::calibration::{Origin, Tail};
    use face::values::picture::ImageType;

    use super::*;

    fn calibration(knots: usize) -> Curves {
        let knot = |at: usize| Knot { cosine: -1.0 + at as f64 * 0.0625, score: 100.0 * at as f64 + 0.25 };
        let origin = Origin {
            data: "pictures of \"someone\"".into(),
            people: 20,
            templates: 40,
            impostor_pairs: 760,
            measured_to_percent: 0.000131,
            tail: Tail { cosine: 0.8, shape: 0.0, scale: 0.0117 },
        };
        Calibration::new((0..knots).map(knot).collect(), origin).expect("it rises").into()
    }

    const MANIFEST: &str =
        "# A pack.\nname = \"toy\"\n\n[[recognizer]]\nfile = \"a.onnx\"\npoints = [\n    [1.0, 2.0],\n]\n";

    #[test]
    fn a_calibration_is_added_and_replaced() {
        let added = with(MANIFEST, &calibration(10)).expect("it is a manifest");
        assert!(added.starts_with(MANIFEST) && added.contains("\n\n[calibration]\n"));
        let replaced = with(&added, &calibration(5)).expect("it is a manifest");
        assert_eq!(replaced, with(MANIFEST, &calibration(5)).expect("it is a manifest"));
        assert_eq!(replaced.matches(HEADER).count(), 1);
    }

    #[test]
    fn curves_by_types_are_replaced_with_it() {
        let own = |a| Types::new(a, ImageType::Selfie);
        let by_types =
            [own(ImageType::IdDocument), own(ImageType::Selfie)].map(|types| (types, calibration(4).general));
        let curves = Curves { by_types: by_types.into(), ..calibration(10) };
        let added = with(MANIFEST, &curves).expect("it is a manifest");
        assert!(added.contains("]\n\n[calibration_by_types.\"ID_DOCUMENT SELFIE\"]\n"), "{added}");
        assert_eq!((added.matches("calibration_by_types").count(), added.matches("knots").count()), (2, 3));
        assert_eq!(with(&added, &curves).expect("it is a manifest"), added);
        let replaced = with(&added, &calibration(10)).expect("it is a manifest");
        assert_eq!(replaced, with(MANIFEST, &calibration(10)).expect("it is a manifest"));
    }

    #[test]
    fn tables_after_it_stay() {
        let text = format!("[calibration]\nold = 1\nknots = [\n    [0, 1],\n]\n\n{MANIFEST}");
        let replaced = with(&text.replace("name = \"toy\"\n", ""), &calibration(3)).expect("it is a manifest");
        assert!(replaced.contains("file = \"a.onnx\"") && !replaced.contains("old"));
    }

    #[test]
    fn what_it_cannot_replace_is_refused() {
        let inline = MANIFEST.replace("name = ", "calibration = { data = \"x\" }\nname = ");
        assert!(matches!(with(&inline, &calibration(3)), Err(Error::Manifest(_))));
        assert!(matches!(with("no manifest", &calibration(3)), Err(Error::Manifest(_))));
    }
}
