//! Choices that follow from a check's seed and its random number, so that they need not be sent.

use aws_lc_rs::hkdf;

/// Bytes of one expansion. Further expansions follow if one is not enough.
const BLOCK: usize = 32;

/// Returns the first `count` choices of a number below `kinds`, no two alike in a row. `kinds` must be at most 128.
///
/// HKDF-SHA256 (RFC 5869) with `serverRandom` as its key material and the seed's four bytes, big-endian, as its salt
/// gives blocks of 32 bytes. Their info is `info` and one byte, the block's number from 0 on. The bytes are taken in
/// turn. Bytes from the largest multiple of `kinds` below 256 on are skipped, so that every choice is equally likely.
/// Bytes that, modulo `kinds`, repeat the choice before are skipped, too.
pub fn drawn(info: &str, kinds: u8, seed: i32, server_random: &[u8; 32], count: usize) -> Vec<usize> {
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, &seed.to_be_bytes()).extract(server_random);
    let bytes = (0..=u8::MAX).flat_map(|number| block(&key, info, number));
    let fair = u8::MAX / kinds * kinds;
    let mut found: Vec<usize> = Vec::with_capacity(count);
    for byte in bytes.filter(|byte| *byte < fair) {
        if found.len() == count {
            break;
        }
        let choice = usize::from(byte % kinds);
        if found.last() != Some(&choice) {
            found.push(choice);
        }
    }
    found
}

fn block(key: &hkdf::Prk, info: &str, number: u8) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let info = [info.as_bytes(), &[number]];
    let expanded = key.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut block));
    expanded.expect("a digest's length can be had");
    block
}
