//! What an active check asks for: movements that follow from its seed and its random number.
//!
//! Whoever knows the two derives the same, so that they need not be sent.

use aws_lc_rs::hkdf;

use crate::values::liveness::Challenge;

const INFO: &str = "bioserver challenges v1";
/// Bytes of one expansion. What it lacks, the next one has: far more than the most challenges need.
const BLOCK: usize = 32;
/// The largest multiple of the number of movements that a byte can hold: bytes from it on are passed over, so that
/// every movement is as likely as the others.
const FAIR: u8 = (u8::MAX as usize / Challenge::ALL.len() * Challenge::ALL.len()) as u8;

/// The first `count` movements of a check, no two alike in a row.
///
/// HKDF-SHA256 (RFC 5869) with `serverRandom` for its key material and the seed's four bytes, big-endian, for its salt
/// gives blocks of 32 bytes, whose info is `bioserver challenges v1` and one byte, the block's number from 0 on. Of
/// the bytes in turn, those from 252 on are passed over, and so are those that, modulo 6, name the movement before;
/// the others name `TURN_LEFT`, `TURN_RIGHT`, `LOOK_UP`, `LOOK_DOWN`, `OPEN_MOUTH` and `BLINK`, from 0 on.
pub fn challenges(seed: i32, server_random: &[u8; 32], count: usize) -> Vec<Challenge> {
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, &seed.to_be_bytes()).extract(server_random);
    let bytes = (0..=u8::MAX).flat_map(|number| block(&key, number));
    let mut found: Vec<Challenge> = Vec::with_capacity(count);
    for byte in bytes.filter(|byte| *byte < FAIR) {
        if found.len() == count {
            break;
        }
        let challenge = Challenge::ALL[usize::from(byte) % Challenge::ALL.len()];
        if found.last() != Some(&challenge) {
            found.push(challenge);
        }
    }
    found
}

fn block(key: &hkdf::Prk, number: u8) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let info = [INFO.as_bytes(), &[number]];
    let expanded = key.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut block));
    expanded.expect("a digest's length can be had");
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_follow_from_seed_and_random_number() {
        let random = [7; 32];
        let four = challenges(1_150_867_590, &random, 4);
        // As `docs/capture.md` says, by another implementation.
        assert_eq!(four, [Challenge::Blink, Challenge::TurnLeft, Challenge::LookDown, Challenge::OpenMouth]);
        assert_eq!(challenges(1_150_867_590, &random, 2), four[..2]);
        assert_ne!(challenges(1_150_867_591, &random, 4), four);
        assert_ne!(challenges(1_150_867_590, &[8; 32], 4), four);
        assert_eq!(challenges(-1, &random, 0), []);
    }

    #[test]
    fn none_follows_itself_and_all_are_as_likely() {
        let mut seen = [0; Challenge::ALL.len()];
        for seed in 0..2000 {
            let drawn = challenges(seed, &[3; 32], 8);
            assert_eq!(drawn.len(), 8);
            assert!(drawn.windows(2).all(|pair| pair[0] != pair[1]));
            for challenge in drawn {
                seen[Challenge::ALL.iter().position(|known| *known == challenge).expect("it is known")] += 1;
            }
        }
        assert!(seen.iter().all(|count| (2500..2840).contains(count)), "{seen:?}");
    }
}
