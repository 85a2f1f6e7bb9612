//! Reads the orientation in EXIF data.

use image::metadata::Orientation;

/// The prefix of EXIF data in JPEG. Some programs write it in other formats, too.
pub const PREFIX: &[u8] = b"Exif\0\0";

const ORIENTATION: u16 = 0x0112;
const ENTRY_LEN: usize = 12;

/// The types of values that are read.
const SHORT: u16 = 3;
const LONG: u16 = 4;

/// The order of the bytes in a number.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

/// Returns the orientation in EXIF data, with or without [`PREFIX`]; no turn if it cannot be read.
pub fn orientation(exif: Option<&[u8]>) -> Orientation {
    let tiff = exif.map(|exif| exif.strip_prefix(PREFIX).unwrap_or(exif));
    tiff.and_then(found).unwrap_or(Orientation::NoTransforms)
}

/// Returns the orientation in the first directory of a TIFF.
fn found(tiff: &[u8]) -> Option<Orientation> {
    let order = match tiff.first_chunk()? {
        b"II*\0" => Order::Little,
        b"MM\0*" => Order::Big,
        _ => return None,
    };
    let directory = tiff.get(order.long(tiff.get(4..)?)? as usize..)?;
    let entries = directory.get(2..)?.chunks_exact(ENTRY_LEN).take(order.short(directory)?.into());
    let entry = entries.into_iter().find(|entry| order.short(entry) == Some(ORIENTATION))?;
    let value = &entry[8..];
    let value = match order.short(&entry[2..])? {
        SHORT => order.short(value)?.into(),
        LONG => order.long(value)?,
        _ => return None,
    };
    Orientation::from_exif(value.try_into().ok()?)
}

impl Order {
    fn short(self, bytes: &[u8]) -> Option<u16> {
        let bytes = *bytes.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    fn long(self, bytes: &[u8]) -> Option<u32> {
        let bytes = *bytes.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a directory with an entry before the orientation.
    fn tiff(order: Order, value_type: u16, value: u32) -> Vec<u8> {
        let short = |number: u16| match order {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        };
        let long = |number: u32| match order {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        };
        let magic = if matches!(order, Order::Little) { b"II" } else { b"MM" };
        let value = if value_type == SHORT { [short(value as u16), [9, 9]].concat() } else { long(value).to_vec() };
        let entry = |tag, value: &[u8]| [&short(tag), &short(value_type), &long(1)[..], value].concat();
        [&magic[..], &short(42), &long(8), &short(2), &entry(0x0100, &value), &entry(ORIENTATION, &value)].concat()
    }

    #[test]
    fn values_of_both_types_and_orders_are_read() {
        for order in [Order::Little, Order::Big] {
            for (value_type, value) in [(SHORT, 6), (LONG, 6)] {
                let tiff = tiff(order, value_type, value);
                assert_eq!(orientation(Some(&tiff)), Orientation::Rotate90);
                assert_eq!(orientation(Some(&[PREFIX, &tiff].concat())), Orientation::Rotate90);
                assert_eq!(orientation(Some(&tiff[..tiff.len() - 1])), Orientation::NoTransforms);
            }
        }
    }

    #[test]
    fn what_is_no_orientation_turns_nothing() {
        for (value_type, value) in [(SHORT, 0), (SHORT, 9), (LONG, 256 + 6), (7, 6)] {
            assert_eq!(orientation(Some(&tiff(Order::Big, value_type, value))), Orientation::NoTransforms);
        }
        for exif in [None, Some(&b""[..]), Some(b"Exif\0\0"), Some(b"II*\0\xff\xff\xff\xff")] {
            assert_eq!(orientation(exif), Orientation::NoTransforms);
        }
    }
}
