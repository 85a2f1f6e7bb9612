//! Reads labelled pictures and finds the faces in them.

pub mod collection;
pub mod descriptions;
pub mod files;
pub mod film;
pub mod folder;
pub mod lfw;
pub mod list;
pub mod pictures;
pub mod recordings;
pub mod worse;
