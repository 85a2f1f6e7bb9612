//! The thresholds of a pack's liveness checks, and their measured error rates.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::values::liveness::SecurityLevel;

/// `[liveness]` of a manifest. The thresholds belong to the pack, because its networks do.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Liveness {
    /// The lowest output of the networks against spoofs that passes as a face, by level; 0..1. A higher level asks for
    /// no less.
    pub spoof_min: Levels,
    /// `None` if nothing was measured.
    pub measured: Option<Measured>,
}

/// The error rates of the checks at the thresholds above (ISO/IEC 30107-3), as shares.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// The data of the measurement, in words.
    pub data: String,
    /// APCER: attacks that were accepted, of the kind that was accepted most often.
    pub apcer: Levels,
    /// BPCER: living people who were refused.
    pub bpcer: Levels,
}

/// A share for each level; 0..1.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "BTreeMap<String, f32>")]
pub struct Levels {
    low: f32,
    medium: f32,
    high: f32,
}

/// The form in the manifest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    spoof_min: Levels,
    measured: Option<Measured>,
}

impl Levels {
    pub fn at(self, level: SecurityLevel) -> f32 {
        match level {
            SecurityLevel::Low => self.low,
            SecurityLevel::Medium => self.medium,
            SecurityLevel::High => self.high,
        }
    }
}

impl TryFrom<BTreeMap<String, f32>> for Levels {
    type Error = String;

    fn try_from(mut named: BTreeMap<String, f32>) -> Result<Self, String> {
        let mut take = |level: SecurityLevel| {
            let value = named.remove(level.name()).ok_or_else(|| format!("there is no value for {level}"))?;
            if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(format!("{level}: must be 0 to 1")) }
        };
        let levels = Self {
            low: take(SecurityLevel::Low)?,
            medium: take(SecurityLevel::Medium)?,
            high: take(SecurityLevel::High)?,
        };
        match named.pop_first() {
            Some((other, _)) => Err(format!("'{other}' is not a level")),
            None => Ok(levels),
        }
    }
}

impl TryFrom<Table> for Liveness {
    type Error = String;

    fn try_from(Table { spoof_min, measured }: Table) -> Result<Self, String> {
        if spoof_min.low > spoof_min.medium || spoof_min.medium > spoof_min.high {
            return Err("spoof_min: a higher level must not have a lower value".to_owned());
        }
        Ok(Self { spoof_min, measured })
    }
}

/// The thresholds of networks that were not measured: roughly the middle.
impl Default for Liveness {
    fn default() -> Self {
        Self { spoof_min: Levels { low: 0.3, medium: 0.5, high: 0.7 }, measured: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "spoof_min = { LOW = 0.2, MEDIUM = 0.4, HIGH = 0.6 }
        [measured]
        data = \"some films\"
        apcer = { LOW = 0.3, MEDIUM = 0.2, HIGH = 0.1 }
        bpcer = { LOW = 0.01, MEDIUM = 0.02, HIGH = 0.05 }";

    #[test]
    fn thresholds_and_figures_are_read_by_level() {
        let whole: Liveness = toml::from_str(WHOLE).expect("it is whole");
        assert_eq!(SecurityLevel::ALL.map(|level| whole.spoof_min.at(level)), [0.2, 0.4, 0.6]);
        let measured = whole.measured.expect("it was measured");
        assert_eq!(SecurityLevel::ALL.map(|level| measured.apcer.at(level)), [0.3, 0.2, 0.1]);
        let unmeasured: Liveness = toml::from_str(WHOLE.lines().next().expect("a line")).expect("enough");
        assert_eq!(unmeasured.measured, None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (from, to, reason) in [
            ("HIGH = 0.6", "HIGH = 0.3", "a higher level must not have a lower value"),
            ("HIGH = 0.6", "HIGH = 1.6", "HIGH: must be 0 to 1"),
            ("HIGH = 0.6", "TOP = 0.6", "there is no value for HIGH"),
            ("HIGH = 0.6", "HIGH = 0.6, TOP = 0.7", "'TOP' is not a level"),
            ("spoof_min", "spoof_max", "unknown field `spoof_max`"),
            ("data", "words", "unknown field `words`"),
        ] {
            let fault = toml::from_str::<Liveness>(&WHOLE.replacen(from, to, 1)).expect_err(reason).to_string();
            assert!(fault.contains(reason), "{reason}: {fault}");
        }
    }
}
