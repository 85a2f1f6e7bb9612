//! The movements that an active check asks for.

use crate::values::draws;
use crate::values::liveness::Challenge;

const INFO: &str = "bioserver challenges v1";

/// Returns the first `count` movements of a check, no two alike in a row: see [`draws::drawn`]. The choices stand for
/// `TURN_LEFT`, `TURN_RIGHT`, `LOOK_UP`, `LOOK_DOWN`, `OPEN_MOUTH` and `BLINK`, from 0 on.
pub fn challenges(seed: i32, server_random: &[u8; 32], count: usize) -> Vec<Challenge> {
    const KINDS: u8 = Challenge::ALL.len() as u8;
    draws::drawn(INFO, KINDS, seed, server_random, count).into_iter().map(|choice| Challenge::ALL[choice]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_follow_from_seed_and_random_number() {
        let random = [7; 32];
        let four = challenges(1_150_867_590, &random, 4);
        // `docs/capture.md` states these movements, computed by another implementation.
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
