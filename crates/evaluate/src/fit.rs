//! Cosines to scores: a calibration, fitted to pairs of different people.

pub mod calibrate;
pub mod discounts;
pub mod fitting;
pub mod manifest;
