//! The pictures that the kit sends.

use std::io::Cursor;
use std::sync::LazyLock;

use face::samples;
use image::{DynamicImage, GenericImage, ImageFormat, RgbImage};
use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sample {
    /// A person.
    One,
    /// The same person in another picture.
    Same,
    /// Another person.
    Other,
    /// A wall.
    Nobody,
    /// Two people beside each other.
    Several,
    /// No picture.
    Broken,
}

impl Sample {
    pub fn bytes(self) -> Vec<u8> {
        match self {
            Self::One => samples::ONE[0].1.to_vec(),
            Self::Same => samples::ONE[1].1.to_vec(),
            Self::Other => samples::OTHER.1.to_vec(),
            Self::Nobody => jpeg(&RgbImage::from_pixel(320, 240, [128, 128, 128].into())),
            Self::Several => SEVERAL.clone(),
            Self::Broken => b"no picture".to_vec(),
        }
    }
}

static SEVERAL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let people = [samples::ONE[1].1, samples::OTHER.1].map(|sample| {
        let picture = image::load_from_memory(sample).expect("it is a picture").to_rgb8();
        DynamicImage::from(picture).resize_exact(400, 500, image::imageops::FilterType::Triangle).to_rgb8()
    });
    let mut both = RgbImage::new(800, 500);
    for (person, left) in people.iter().zip([0, 400]) {
        both.copy_from(person, left, 0).expect("there is room");
    }
    jpeg(&both)
});

fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut file = Cursor::new(vec![]);
    picture.write_to(&mut file, ImageFormat::Jpeg).expect("it can be written");
    file.into_inner()
}
