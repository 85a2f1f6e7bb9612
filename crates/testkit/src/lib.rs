//! Support that the tests of several crates share.
//!
//! | module | purpose |
//! |---|---|
//! | [`script`] | a face engine that answers as a test tells it, without networks |
//! | [`postgres`] | a private Postgres server, and a new database for each test |
//! | [`project`] | the project's own files: its folder, its sample photographs |
//! | [`authority`] | certificates |
//! | [`disorder`] | reproducible random bytes, and pictures that are damaged or extreme |
//! | [`hostile`] | pictures that are made to harm |
//! | [`shared`] | pictures and networks that lie beside the project |
//! | [`page`] | the blocks of a page in Markdown |
//! | [`python`], [`node`] | implementations by others, to compare with |

pub mod authority;
pub mod disorder;
pub mod hostile;
pub mod moto;
pub mod node;
pub mod page;
pub mod postgres;
pub mod project;
pub mod python;
pub mod script;
pub mod shared;
