//! A picture without a face that is as full of detail as a photograph.

use image::RgbImage;

/// The side of a square, in pixels: too small for a face.
const SQUARE: u32 = 40;

/// Makes 1600 x 1200 pixels from squares of a photograph, in another order.
pub fn nobody(photograph: &RgbImage) -> RgbImage {
    let (columns, rows) = (photograph.width() / SQUARE, photograph.height() / SQUARE);
    let mut all = RgbImage::new(1600, 1200);
    for at in 0..(1600 / SQUARE) * (1200 / SQUARE) {
        let from = at * 7919 % (columns * rows);
        let (x, y) = (from % columns * SQUARE, from / columns * SQUARE);
        let square = image::imageops::crop_imm(photograph, x, y, SQUARE, SQUARE).to_image();
        let (left, top) = (at % (1600 / SQUARE) * SQUARE, at / (1600 / SQUARE) * SQUARE);
        image::imageops::replace(&mut all, &square, left.into(), top.into());
    }
    all
}
