//! Finds the picture in a face record of ISO/IEC 19794-5:2005, which the chips of passports and their readers give.

use crate::Error;
use crate::image::undecodable;

const MAGIC: &[u8] = b"FAC\0";
const VERSION: &[u8] = b"010\0";
/// Magic, version, length of the record, number of faces.
const HEADER_LEN: usize = 14;
/// Length of the facts about a face. Its own length and the number of its points come first.
const FACE_LEN: usize = 20;
const POINT_LEN: usize = 8;
/// Length of the facts about the picture, after the points.
const PICTURE_LEN: usize = 12;

/// Returns the file of the first face's picture; `file` itself if it is no such record.
pub fn picture(file: &[u8]) -> Result<&[u8], Error> {
    match file.strip_prefix(MAGIC) {
        None => Ok(file),
        Some(rest) if rest.starts_with(VERSION) => {
            first(file).ok_or_else(|| undecodable("it is an ISO/IEC 19794-5 record that is cut short or damaged"))
        }
        Some(rest) => {
            let version = String::from_utf8_lossy(rest.get(..3).unwrap_or_default()).into_owned();
            Err(undecodable(format!("it is an ISO/IEC 19794-5 record of version {version:?}; only 010 is supported")))
        }
    }
}

fn first(record: &[u8]) -> Option<&[u8]> {
    let face = record.get(HEADER_LEN..)?;
    let face = face.get(..u32::from_be_bytes(*face.first_chunk()?) as usize)?;
    let points = u16::from_be_bytes(*face.get(4..)?.first_chunk()?);
    face.get(FACE_LEN + POINT_LEN * usize::from(points) + PICTURE_LEN..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(points: u16, picture: &[u8]) -> Vec<u8> {
        let facts = [0; FACE_LEN - 6];
        let points = [&points.to_be_bytes()[..], &facts, &vec![1; POINT_LEN * usize::from(points)]].concat();
        let length = 4 + points.len() + PICTURE_LEN + picture.len();
        [&(length as u32).to_be_bytes()[..], &points, &[2; PICTURE_LEN], picture].concat()
    }

    fn record(version: &[u8], faces: &[Vec<u8>]) -> Vec<u8> {
        let faces_len = faces.iter().map(Vec::len).sum::<usize>();
        let lengths = [&((HEADER_LEN + faces_len) as u32).to_be_bytes()[..], &(faces.len() as u16).to_be_bytes()];
        [MAGIC, version, &lengths.concat(), &faces.concat()].concat()
    }

    #[test]
    fn the_first_picture_is_found_behind_its_points() {
        for points in [0, 1, 22] {
            let file = record(VERSION, &[face(points, b"the first"), face(0, b"the second")]);
            assert_eq!(picture(&file), Ok(&b"the first"[..]));
        }
        assert_eq!(picture(b"FACE"), Ok(&b"FACE"[..]));
    }

    #[test]
    fn other_records_are_refused_by_name() {
        let whole = record(VERSION, &[face(3, b"")]);
        assert_eq!(picture(&whole), Ok(&b""[..]));
        for end in MAGIC.len()..whole.len() {
            assert!(picture(&whole[..end]).is_err(), "{end}");
        }
        let Err(Error::Undecodable(reason)) = picture(&record(b"030\0", &[])) else { panic!("it is newer") };
        assert!(reason.contains("\"030\""), "{reason}");
    }
}
