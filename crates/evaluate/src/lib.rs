//! Turns labelled pictures into error rates and calibrations.
//!
//! ```text
//! lfw, folder, list --> Collection --descriptions--> faces --part, comparison--> pairs --+--rates, folds, … --> Report
//!                                                                                  `--calibrate--> Fitting
//! Report, Fitting --> table --> text, html, markdown; plot --> html
//! ```

use std::io;
use std::path::PathBuf;

pub mod ages;
pub mod degrade;
pub mod fit;
pub mod input;
pub mod liveness;
pub mod measure;
pub mod page;
pub mod performer;
pub mod report;
pub mod threads;

/// The reason why an evaluation or a calibration failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is longer than {bytes_max} bytes", path.display())]
    TooLong { path: PathBuf, bytes_max: u64 },
    #[error("{}, line {line}: {fault}", path.display())]
    Line { path: PathBuf, line: usize, fault: String },
    #[error("{}: {fault}", path.display())]
    Data { path: PathBuf, fault: String },
    #[error("no thread could be started to process pictures")]
    NoCoders,
    #[error("a thread that processes pictures panicked")]
    Panicked,
    #[error("{pairs} pairs of two people are too few for a calibration; it needs at least {pairs_min}")]
    TooFewPairs { pairs: u64, pairs_min: u64 },
    #[error("the highest pairs of two people all have the same cosine, so no law can be fitted to them")]
    NoSpread,
    #[error("the fitted curve is not a valid calibration: {0}")]
    Curve(#[from] face::calibration::Fault),
    #[error("the fitted discounts are not valid: {0}")]
    Discounts(#[from] face::discount::Fault),
    #[error("the calibration cannot be written into the manifest: {0}")]
    Manifest(String),
    #[error("the curves cannot be drawn: {0}")]
    Plot(String),
}
