//! All the SQL.

#[derive(Debug, Clone)]
pub struct Store;

#[derive(Debug, thiserror::Error)]
pub enum Error {}
