//! Fits a calibration, which turns cosines into scores, to pairs of different people.

pub mod calibrate;
pub mod discounts;
pub mod fitting;
pub mod manifest;
