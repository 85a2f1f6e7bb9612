//! Tests the rules of the project's own source, and the generator of the contract's code.

mod architecture;
mod generated;
#[path = "../../build/generator.rs"]
mod generator;
mod pages;
