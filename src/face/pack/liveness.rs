//! What a pack holds a capture to, and what that was measured on.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::liveness::SecurityLevel;

/// `[liveness]` of a manifest. Its thresholds are the pack's own, since its networks are.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Liveness {
    /// What the networks against spoofs must give a face at least, by level; 0..1.
    pub spoof_min: Levels,
    /// On what this was measured, in words, with its figures.
    #[serde(default)]
    pub measured: Option<String>,
}

/// A threshold for each level.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "BTreeMap<String, f32>")]
pub struct Levels {
    low: f32,
    medium: f32,
    high: f32,
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
            let value = named.remove(level.name()).ok_or_else(|| format!("there is nothing for {level}"))?;
            if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(format!("{level}: must be 0 to 1")) }
        };
        let levels = Self {
            low: take(SecurityLevel::Low)?,
            medium: take(SecurityLevel::Medium)?,
            high: take(SecurityLevel::High)?,
        };
        if levels.low > levels.medium || levels.medium > levels.high {
            return Err("a higher level must not ask for less".to_owned());
        }
        match named.pop_first() {
            Some((other, _)) => Err(format!("'{other}' is no level")),
            None => Ok(levels),
        }
    }
}

/// For networks of which nothing was measured: the middle, more or less.
impl Default for Liveness {
    fn default() -> Self {
        Self { spoof_min: Levels { low: 0.3, medium: 0.5, high: 0.7 }, measured: None }
    }
}
