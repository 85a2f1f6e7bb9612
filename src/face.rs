//! (room face)

pub mod score;
