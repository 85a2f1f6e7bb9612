//! The commands of `bioserver`, one module each.
//!
//! Results go to standard output, errors to standard error with exit code 1, wrong usage with 2.

pub mod accuracy;
pub mod audit;
pub mod calibrate;
pub mod callbacks;
pub mod capture;
pub mod check;
pub mod conformance;
pub mod demo;
pub mod evaluate;
pub mod health;
pub mod keys;
pub mod log;
pub mod manual;
pub mod migrate;
pub mod output;
pub mod packs;
pub mod providers;
pub mod rotate;
pub mod serve;
pub mod shadow;
pub mod source;
pub mod usage;
pub mod verify;
