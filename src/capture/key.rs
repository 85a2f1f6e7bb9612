use secrecy::SecretSlice;
use crate::domain::Moment;
#[derive(Clone, Copy)]
pub enum Algorithm { EcdhEs, RsaOaep256 }
impl Algorithm { pub const ALL: [Self; 2] = [Self::EcdhEs, Self::RsaOaep256]; pub fn name(self) -> &'static str { "ECDH-ES" } }
pub struct Key;
impl Key {
    pub fn make(_: Algorithm, _: Moment) -> Result<Self, super::Error> { Ok(Key) }
    pub fn read(_: Algorithm, _: &SecretSlice<u8>, _: &str) -> Result<Self, super::Error> { Ok(Key) }
    pub fn kid(&self) -> &str { "" }
    pub fn der(&self) -> SecretSlice<u8> { vec![].into() }
    pub fn certificate_pem(&self) -> &str { "" }
}
#[derive(Default)]
pub struct Keys(pub Vec<Key>);
impl Keys { pub fn certificates(&self) -> Vec<Vec<u8>> { vec![] } pub fn new(k: Vec<Key>) -> Self { Self(k) } }
