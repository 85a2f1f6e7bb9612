//! stand-in
use bytes::Bytes;
use crate::domain::liveness::*;
pub mod key;
pub mod challenges;
pub const SEALED_BYTES_MAX: usize = 28 << 20;
#[derive(Debug, thiserror::Error)]
pub enum Error { #[error("x")] OtherRandom, #[error("y")] Other }
pub struct Capture { pub id: String, pub server_random: [u8; 32], pub liveness_type: LivenessType, pub sdk: Option<SdkInfo>, pub device: Option<DeviceInfo>, pub frames: Vec<Frame>, pub video: Option<Video> }
pub fn open(_: &key::Keys, _: &[u8]) -> Result<Capture, Error> { Err(Error::Other) }
impl Capture {
    pub fn check_binding(&self, _: &str, _: &[u8; 32], _: LivenessType) -> Result<(), Error> { Ok(()) }
    pub fn encode(&self) -> Vec<u8> { let _ = Bytes::new(); vec![] }
    pub fn decode(_: &[u8]) -> Result<Self, Error> { Err(Error::Other) }
}
