//! Compares lists of numbers that should be the same result.

use std::fs;
use std::path::Path;

/// Returns why `found` differs from `wanted`: by more than `tolerance` times the largest wanted value (at least one),
/// in length, or by a value that is not a number. `None` if they agree.
pub fn difference(wanted: &[f32], found: &[f32], tolerance: f32) -> Option<String> {
    if wanted.len() != found.len() {
        return Some(format!("{} values, not {}", found.len(), wanted.len()));
    }
    let largest = wanted.iter().fold(1.0f32, |most, value| most.max(value.abs()));
    let error = largest_difference(wanted, found);
    (error > tolerance * largest).then(|| format!("off by {error:.1e} where values reach {largest:.2}"))
}

/// The rounding error of single precision in sums of ones: smaller differences mean nothing.
const ROUNDING: f32 = 1e-6;

/// Returns why `found` differs from `wanted`: in length, or by more than `tolerance` times the range from the smallest
/// to the largest wanted value. `None` if they agree.
pub fn difference_of_range(wanted: &[f32], found: &[f32], tolerance: f32) -> Option<String> {
    if wanted.len() != found.len() {
        return Some(format!("{} values, not {}", found.len(), wanted.len()));
    }
    let highest = wanted.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let lowest = wanted.iter().copied().fold(f32::INFINITY, f32::min);
    // A single value has no range: its size stands for it.
    let range = if highest > lowest { highest - lowest } else { highest.abs() };
    let error = largest_difference(wanted, found);
    (error > ROUNDING.max(tolerance * range)).then(|| format!("off by {error:.1e} where values range over {range:.1e}"))
}

/// Returns the largest difference; infinity if one is not a number.
fn largest_difference(wanted: &[f32], found: &[f32]) -> f32 {
    let differences = wanted.iter().zip(found).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |most, d| if d.is_nan() { f32::INFINITY } else { most.max(d) })
}

pub fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.iter().map(|value| value.to_bits()).eq(b.iter().map(|value| value.to_bits()))
}

/// Reads a file of little-endian floats, as scripts and tests exchange them.
pub fn read(path: &Path) -> Vec<f32> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect()
}

pub fn write(path: &Path, values: &[f32]) {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[test]
fn differences_are_found() {
    assert_eq!(difference(&[1.0, 4.0], &[1.0, 4.3], 0.1), None);
    assert!(difference(&[1.0, 4.0], &[1.0, 4.5], 0.1).is_some());
    assert!(difference(&[1.0], &[1.0, 1.0], 0.1).is_some());
    assert!(difference(&[1.0], &[f32::NAN], 0.1).is_some());
    assert_eq!(difference_of_range(&[0.0, 0.1], &[0.005, 0.1], 0.1), None);
    assert!(difference_of_range(&[0.0, 0.1], &[0.02, 0.1], 0.1).is_some());
    assert!(difference_of_range(&[2.0, 2.0], &[2.0, 2.5], 0.1).is_some());
    assert!(!same_bits(&[0.0], &[-0.0]));
}
