//! Reads a film from disk: a folder of pictures, or JPEG pictures one after the other in one file (MJPEG).

use std::fs;
use std::io::Cursor;
use std::path::Path;

use bytes::Bytes;
use face::values::liveness::Frame;
use image::ImageFormat;

use crate::Error;
use crate::input::files;

/// The bytes that every picture of an MJPEG file begins with.
const START: [u8; 3] = [0xff, 0xd8, 0xff];
/// Markers of JPEG (ITU-T T.81, table B.1) without a length: restarts, and the end of the picture, which is the last of
/// them.
const ALONE: std::ops::RangeInclusive<u8> = 0xd0..=0xd9;
const END: u8 = 0xd9;
/// Extensions of frames, in upper or lower case.
const ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

/// Returns the pictures of a film as JPEG files, in the order of their names or of the file. A picture with a side
/// longer than `side_max` pixels is shrunk to that length.
pub fn pictures(path: &Path, side_max: u32) -> Result<Vec<Bytes>, Error> {
    if path.is_dir() {
        let mut frames = files::entries(path)?;
        frames.retain(|file| is_picture(file));
        frames.sort();
        return frames.iter().map(|file| picture(file, side_max)).collect();
    }
    let bytes = read(path)?;
    if bytes.starts_with(&START) {
        Ok(split(&bytes))
    } else {
        Err(fault(path, NEITHER.replace("{}", &path.display().to_string())))
    }
}

const NEITHER: &str = "it is neither a folder nor an MJPEG file; `ffmpeg -i {} -vf fps=10,scale=640:-2 frames/%03d.jpg` makes a folder of frames";

pub fn is_picture(path: &Path) -> bool {
    files::is_one_of(path, &ENDINGS)
}

/// Gives pictures the timestamps of a camera that takes `fps` of them a second.
pub fn timed(pictures: impl IntoIterator<Item = Bytes>, fps: u32) -> Vec<Frame> {
    pictures.into_iter().zip(0..).map(|(jpeg, number)| Frame { t_ms: number * 1000 / fps.max(1), jpeg }).collect()
}

/// Returns a picture as a JPEG file with no side longer than `side_max` pixels.
pub fn picture(path: &Path, side_max: u32) -> Result<Bytes, Error> {
    let bytes = read(path)?;
    let undecodable = |source: image::ImageError| fault(path, source.to_string());
    let picture = image::load_from_memory(&bytes).map_err(undecodable)?;
    let is_jpeg = image::guess_format(&bytes).ok() == Some(ImageFormat::Jpeg);
    if is_jpeg && picture.width().max(picture.height()) <= side_max {
        return Ok(bytes.into());
    }
    let mut jpeg = Cursor::new(vec![]);
    let small =
        if picture.width().max(picture.height()) > side_max { picture.thumbnail(side_max, side_max) } else { picture };
    small.to_rgb8().write_to(&mut jpeg, ImageFormat::Jpeg).map_err(undecodable)?;
    Ok(jpeg.into_inner().into())
}

/// Splits an MJPEG file into its pictures; bytes between them and a truncated last picture are skipped.
fn split(bytes: &[u8]) -> Vec<Bytes> {
    let mut found = vec![];
    let mut at = 0;
    while let Some(start) = bytes[at..].windows(START.len()).position(|three| three == START) {
        let rest = &bytes[at + start..];
        let Some(len) = picture_len(rest) else { break };
        found.push(Bytes::copy_from_slice(&rest[..len]));
        at += start + len;
    }
    found
}

/// Follows the segments of the picture at the beginning of `bytes`, one of which may hold a thumbnail, and returns the
/// picture's length; `None` if it is truncated.
fn picture_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        let [mark, marker] = *bytes.get(at..at + 2)? else { return None };
        // Between markers are the bytes of a scan, in which 0 follows FF.
        if mark != 0xff || marker == 0 || marker == 0xff {
            at += 1;
        } else if marker == END {
            return Some(at + 2);
        } else if ALONE.contains(&marker) {
            at += 2;
        } else {
            let len = usize::from(u16::from_be_bytes(*bytes.get(at + 2..)?.first_chunk()?));
            at += 2 + len;
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn fault(path: &Path, fault: String) -> Error {
    Error::Data { path: path.to_owned(), fault }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

    #[test]
    fn folders_and_files_give_the_same_pictures() {
        let folder = tempfile::tempdir().expect("there is room");
        let place = |name: &str| folder.path().join(name);
        for (name, side) in [("2.jpg", 40), ("1.JPG", 30), ("3.png", 90)] {
            RgbImage::new(side, side).save(place(name)).expect("there is room");
        }
        fs::write(place("notes.txt"), "").expect("there is room");
        let made = pictures(folder.path(), 60).expect("they are pictures");
        let sides: Vec<u32> =
            made.iter().map(|jpeg| image::load_from_memory(jpeg).expect("a picture").width()).collect();
        assert_eq!(sides, [30, 40, 60]);
        fs::write(place("all.mjpeg"), made.concat()).expect("there is room");
        assert_eq!(pictures(&place("all.mjpeg"), 60).expect("it is a film"), made);
        // The sample's own file has a thumbnail in its EXIF data.
        let sample = testkit::project::sample("obama.jpg");
        fs::write(place("thumbnails.mjpeg"), [&sample[..], &sample[..], &sample[..500]].concat())
            .expect("there is room");
        let made = pictures(&place("thumbnails.mjpeg"), 5000).expect("it is a film");
        assert!(made.len() == 2 && made.iter().all(|one| *one == sample), "{}", made.len());
        let refused = pictures(&place("notes.txt"), 60).expect_err("it is no film").to_string();
        assert!(refused.contains("ffmpeg -i"), "{refused}");
    }
}
