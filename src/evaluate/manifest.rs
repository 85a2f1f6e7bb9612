//! A calibration as text of a pack's manifest.

use crate::evaluate::Error;
use crate::face::score::Calibration;
use crate::face::score::Knot;

/// The table's header, as packs write it.
const HEADER: &str = "[calibration]";
const KNOTS: &str = "knots";
const KNOTS_PER_LINE: usize = 4;

/// The table of a manifest that holds `calibration`.
pub fn table(calibration: &Calibration) -> Result<String, Error> {
    let unwritten = |error: toml::ser::Error| Error::Manifest(error.to_string());
    let fields = toml::Table::try_from(calibration).map_err(unwritten)?;
    let figures: Vec<String> =
        fields.iter().filter(|(key, _)| *key != KNOTS).map(|(key, value)| format!("{key} = {value}\n")).collect();
    let line = |knots: &[Knot]| {
        let knots: Vec<String> = knots.iter().map(|knot| format!("[{:?}, {:?}]", knot.cosine, knot.score)).collect();
        format!("    {},\n", knots.join(", "))
    };
    let knots: Vec<String> = calibration.knots().chunks(KNOTS_PER_LINE).map(line).collect();
    Ok(format!("{HEADER}\n{}# Cosine and score.\n{KNOTS} = [\n{}]\n", figures.concat(), knots.concat()))
}

/// The text of a manifest with its calibration replaced, or added at its end; everything else stays as it is.
pub fn with(manifest: &str, calibration: &Calibration) -> Result<String, Error> {
    let mut kept = String::new();
    let mut inside = false;
    for line in manifest.lines() {
        // Inside a table, brackets at the beginning of a line only open the next table: arrays are indented.
        if line.starts_with('[') {
            inside = line.trim_end() == HEADER;
        }
        if !inside {
            kept += line;
            kept.push('\n');
        }
    }
    let text = format!("{}\n\n{}", kept.trim_end(), table(calibration)?);
    let parsed: Manifest = toml::from_str(&text).map_err(|error| Error::Manifest(error.to_string()))?;
    if parsed.calibration == *calibration { Ok(text) } else { Err(Error::Manifest("it is changed".into())) }
}

/// As much of a manifest as is written here.
#[derive(serde::Deserialize)]
struct Manifest {
    calibration: Calibration,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::score::Origin;
    use crate::face::score::Tail;

    fn calibration(knots: usize) -> Calibration {
        let knot = |at: usize| Knot { cosine: -1.0 + at as f64 * 0.0625, score: 100.0 * at as f64 + 0.25 };
        let origin = Origin {
            data: "pictures of \"someone\"".into(),
            people: 20,
            templates: 40,
            impostor_pairs: 760,
            measured_to_percent: 0.000131,
            tail: Tail { cosine: 0.8, shape: 0.0, scale: 0.0117 },
        };
        Calibration::new((0..knots).map(knot).collect(), origin).expect("it rises")
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
