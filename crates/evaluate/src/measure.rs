//! Turns pairs of faces into error rates, intervals and tables.

pub mod comparison;
pub mod degraded;
pub mod det;
pub mod discard;
pub mod enrolment;
pub mod figures;
pub mod folds;
pub mod groups;
pub mod histogram;
pub mod interval;
pub mod number;
pub mod pareto;
pub mod part;
pub mod rates;
pub mod reliability;
pub mod table;
pub mod tables;
