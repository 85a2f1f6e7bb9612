//! Compares JPEG files of every form, pixel by pixel, with what libjpeg-turbo reads.

use std::collections::BTreeMap;
use std::path::Path;

use face::image::{Image, PIXELS_MAX};
use face::memory::Memory;
use image::RgbImage;
use image::imageops::FilterType;
use testkit::{project, python};

use crate::jpeg::encoder::{Colours, Form, Scans};

mod encoder;

/// The largest difference of a sample: the reference may be another version of the library, and rounds inks
/// differently.
const DIFFERENCE_MAX: u8 = 2;

/// The kind of a file, as the table shows it, and the file.
type Named = (&'static str, Vec<u8>);

/// The numbers of files of a kind: all, those equal within [`DIFFERENCE_MAX`], those refused here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    files: usize,
    equal: usize,
    refused: usize,
}

fn photograph(width: u32, height: u32) -> RgbImage {
    let sample = image::load_from_memory(&project::sample("obama2.jpg")).expect("it is a JPEG");
    sample.resize_exact(width, height, FilterType::Triangle).into_rgb8()
}

/// Makes two pictures whose sides are not multiples of a block, and one whose sides are.
fn photographs() -> [RgbImage; 3] {
    [photograph(203, 251), photograph(96, 128), photograph(17, 33)]
}

/// Sampling factors of the first component; the other components have 1, 1.
const FIRST: [(i32, i32); 12] =
    [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (1, 4), (4, 2), (2, 4), (3, 1), (1, 3), (3, 2), (4, 4)];

fn whole() -> Vec<Named> {
    let mut all = Vec::new();
    for picture in photographs() {
        let mut add = |kind, form: &Form| all.push((kind, form.encoded(&picture)));
        for first in FIRST {
            let plain = Form::new(Colours::YCbCr, &[first, (1, 1), (1, 1)]);
            // More than ten blocks do not fit into one interleaved unit.
            let is_interleaved = first.0 * first.1 + 2 <= 10;
            if is_interleaved {
                add("one scan", &plain);
                add("restarts", &Form { restart: 3, ..plain.clone() });
                add("arithmetic", &Form { arithmetic: true, ..plain.clone() });
                add("progressive", &Form { scans: Scans::Progressive, ..plain.clone() });
                add(
                    "progressive, arithmetic, restarts",
                    &Form { scans: Scans::Progressive, arithmetic: true, restart: 5, ..plain.clone() },
                );
            }
            add("a scan for each component", &Form { scans: Scans::Each, ..plain.clone() });
            add("a scan for chroma", &Form { scans: Scans::FirstAndOthers, restart: 2, ..plain.clone() });
        }
        for factors in [[(1, 1), (2, 2), (2, 2)], [(1, 1), (2, 1), (1, 1)], [(1, 2), (2, 1), (2, 2)], [(2, 1); 3]] {
            let plain = Form::new(Colours::YCbCr, &factors);
            add("luma subsampled", &plain);
            add("luma subsampled", &Form { scans: Scans::Each, ..plain.clone() });
        }
        for scans in [Scans::One, Scans::Each, Scans::Progressive] {
            add("grey", &Form { scans, ..Form::new(Colours::Grey, &[(1, 1)]) });
            add("grey", &Form { scans, ..Form::new(Colours::Grey, &[(2, 2)]) });
            add("RGB", &Form { scans, ..Form::new(Colours::Rgb, &[(1, 1); 3]) });
            add("RGB", &Form { scans, ..Form::new(Colours::Rgb, &[(2, 1), (1, 1), (1, 1)]) });
            add("CMYK", &Form { scans, ..Form::new(Colours::Cmyk, &[(1, 1); 4]) });
            add("YCCK", &Form { scans, ..Form::new(Colours::Ycck, &[(2, 2), (1, 1), (1, 1), (2, 2)]) });
        }
        for (jfif, adobe) in [(false, false), (false, true), (true, true)] {
            let form = Form::new(Colours::YCbCr, &[(2, 2), (1, 1), (1, 1)]);
            add("markers of colours", &Form { jfif, adobe, ..form });
        }
        add("RGB without a marker", &Form { adobe: false, ..Form::new(Colours::Rgb, &[(1, 1); 3]) });
        add("CMYK without a marker", &Form { adobe: false, ..Form::new(Colours::Cmyk, &[(1, 1); 4]) });
    }
    all
}

/// Makes files with headers as some software writes them, changed byte by byte.
fn sloppy() -> Vec<Named> {
    let mut all = Vec::new();
    for picture in photographs() {
        let colour = Form::new(Colours::YCbCr, &[(2, 2), (1, 1), (1, 1)]);
        let plain = colour.encoded(&picture);
        let both = Form { adobe: true, ..colour.clone() }.encoded(&picture);
        let adobe = Form { jfif: false, ..Form { adobe: true, ..colour } }.encoded(&picture);
        for transform in [0, 1, 2, 9] {
            all.push(("Adobe transform beside JFIF", with_transform(&both, transform)));
            all.push(("Adobe transform", with_transform(&adobe, transform)));
        }
        all.push((
            "short Adobe segment",
            inserted(&plain, &[0xff, 0xee, 0, 10, b'A', b'd', b'o', b'b', b'e', 0, 100, 0]),
        ));
        all.push(("no Huffman tables, as of webcams", without(&plain, 0xc4)));
        all.push(("a scan of 65 coefficients", with_last_coefficient(&plain, 64)));
        all.push(("a scan of 65 coefficients", with_last_coefficient(&plain, 0)));
        all.push(("comments and fill bytes", inserted(&plain, &[0xff, 0xff, 0xff, 0xfe, 0, 5, 1, 2, 3])));
        all.push(("bytes before the end", [&plain[..plain.len() - 2], &[0; 9], &[0xff, 0xd9]].concat()));
        all.push(("bytes after the end", [&plain[..], b"and more"].concat()));
        all.push(("no end", plain[..plain.len() - 2].to_vec()));
    }
    all
}

/// Returns the place of a segment.
fn place(file: &[u8], marker: u8) -> usize {
    file.windows(2).position(|pair| pair == [0xff, marker]).expect("it has such a segment")
}

fn inserted(file: &[u8], segment: &[u8]) -> Vec<u8> {
    [&file[..2], segment, &file[2..]].concat()
}

fn without(file: &[u8], marker: u8) -> Vec<u8> {
    let mut file = file.to_vec();
    while let Some(at) = file.windows(2).position(|pair| pair == [0xff, marker]) {
        let len = usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
        file.drain(at..at + 2 + len);
    }
    file
}

fn with_transform(file: &[u8], transform: u8) -> Vec<u8> {
    let mut file = file.to_vec();
    let at = place(&file, 0xee) + 15;
    file[at] = transform;
    file
}

fn with_last_coefficient(file: &[u8], last: u8) -> Vec<u8> {
    let mut file = file.to_vec();
    let at = place(&file, 0xda) + 4 + 1 + 2 * 3 + 1;
    file[at] = last;
    file
}

/// Returns true if no sample differs by more than [`DIFFERENCE_MAX`].
pub fn is_equal(image: &Image, reference: &RgbImage) -> bool {
    let (width, height) = image.stored_size();
    (width as u32, height as u32) == reference.dimensions()
        && reference.rows().enumerate().all(|(y, row)| {
            let samples = row.flat_map(|pixel| pixel.0).zip(image.stored_row(y));
            samples.into_iter().all(|(expected, found)| expected.abs_diff(*found) <= DIFFERENCE_MAX)
        })
}

#[test]
fn pixels_are_as_libjpeg_turbo_reads_them() {
    let (folder, memory) = (tempfile::tempdir().expect("there is room"), Memory::new(PIXELS_MAX));
    let path = |at: usize, extension: &str| folder.path().join(format!("{at:04}.{extension}"));
    let files = [whole(), sloppy()].concat();
    for (at, (_, bytes)) in files.iter().enumerate() {
        std::fs::write(path(at, "jpg"), bytes).expect("there is room");
    }
    let refused_there = python::run("crates/face/tests/pipeline/jpeg.py", &[folder.path()]);
    assert_eq!(refused_there, "", "the reference reads all of them");
    let mut counts = BTreeMap::<&str, Count>::new();
    for (at, (kind, bytes)) in files.iter().enumerate() {
        let count = counts.entry(kind).or_default();
        count.files += 1;
        match Image::decode(bytes, PIXELS_MAX, &memory) {
            Ok(image) => count.equal += usize::from(is_equal(&image, &reference(&path(at, "ppm")))),
            Err(error) => {
                println!("{kind}: {error}");
                count.refused += 1;
            }
        }
    }
    println!("{:<36} {:>5} {:>5} {:>7}", "kind", "files", "equal", "refused");
    for (kind, Count { files, equal, refused }) in &counts {
        println!("{kind:<36} {files:>5} {equal:>5} {refused:>7}");
    }
    assert!(counts.values().all(|count| count.equal == count.files), "some are read otherwise");
}

/// Reads a picture that another program wrote as PPM.
pub fn reference(path: &Path) -> RgbImage {
    let ppm = std::fs::read(path).expect("the reference wrote it");
    let mut lines = ppm.splitn(4, |byte| *byte == b'\n');
    let (Some(b"P6"), Some(size), Some(b"255"), Some(pixels)) =
        (lines.next(), lines.next(), lines.next(), lines.next())
    else {
        panic!("{} is no picture", path.display());
    };
    let sides = std::str::from_utf8(size).expect("sides are digits").split(' ');
    let [width, height] = sides.map(|side| side.parse().expect("it is a number")).collect::<Vec<u32>>()[..] else {
        panic!("a picture has two sides")
    };
    RgbImage::from_raw(width, height, pixels.to_vec()).expect("it has all pixels")
}
