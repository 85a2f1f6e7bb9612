//! Labelled pictures, and the faces found in them.

pub mod coding;
pub mod collection;
pub mod folder;
pub mod lfw;
pub mod list;
pub mod pictures;
