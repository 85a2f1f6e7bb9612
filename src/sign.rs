//! Claims to compact JWS; the key set.

#[derive(Debug)]
pub struct Signer;

#[derive(Debug, thiserror::Error)]
pub enum Error {}
