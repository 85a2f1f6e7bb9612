//! The output of a layer in register tiles, and the places in the arena that each tile reads.
//!
//! Most tiles lie within one row of the output and read nothing outside the image. Their places differ from those of
//! the first such tile by a constant, so all of them share one pattern: the tables stay small and are made quickly,
//! however large the image is.

use std::ops::Range;

use crate::kernels::isa::Isa;
use crate::nest::View;
use crate::operator::Window;

/// Columns of a channelwise window whose inputs are read once for all output pixels of a tile.
pub(super) const SHARED: usize = 3;

/// The place of a tap outside the image: the arena starts with zeros, enough for one pixel.
const OUTSIDE: u32 = 0;

/// The place that each tap of each output pixel reads: the arena index of an input pixel.
#[derive(Clone, Debug)]
pub struct Places {
    input: View,
    window: Window,
    /// Images, rows and columns of the output.
    output: [usize; 3],
    outside: Outside,
}

/// The place of a tap outside the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// The zeros at the start of the arena.
    Zeros,
    /// A tap inside the same window, which does not change the maximum.
    Inside,
}

/// Register tiles in the order of the output's pixels. The last tile may repeat pixels of the one before it.
#[derive(Debug, Default)]
pub(super) struct Tiling {
    pub(super) tiles: Vec<Tile>,
    pub(super) offsets: Vec<u32>,
    /// The patterns in `offsets` that are shared.
    patterns: Vec<Pattern>,
}

/// Output pixels `pixel..pixel + count`. Their places are `base` plus the offsets from `offsets` on, which have the
/// order of a [`Layout`]. `first` and `last` are the outermost places that they read inside the image.
#[derive(Debug)]
pub(super) struct Tile {
    pub(super) pixel: usize,
    pub(super) count: usize,
    pub(super) base: usize,
    pub(super) offsets: usize,
    pub(super) first: usize,
    pub(super) last: usize,
}

/// Offsets of tiles of `count` pixels, and the outermost of them.
#[derive(Clone, Copy, Debug)]
struct Pattern {
    count: usize,
    offsets: usize,
    smallest: usize,
    largest: usize,
}

/// The order of a tile's offsets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// `[tap][pixel]`
    Taps,
    /// `[row of the window][column]`, with the columns that all pixels of the tile see.
    Columns,
}

impl Places {
    /// Describes `window` on the image `input`, whose shape is `[N, C, H, W]`; `size` are the rows and columns of the
    /// output. Returns `None` if a place does not fit 32 bits.
    pub fn new(input: &View, window: Window, size: [usize; 2], outside: Outside) -> Option<Self> {
        let last: usize = input.shape.iter().zip(&input.strides).map(|(len, stride)| (len - 1) * stride).sum();
        u32::try_from(input.start + last).ok()?;
        Some(Self { input: input.clone(), window, output: [input.shape[0], size[0], size[1]], outside })
    }

    pub(super) fn taps(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1]
    }

    fn pixels(&self) -> usize {
        self.output.iter().product()
    }

    /// Returns image, row and column of an output pixel.
    fn coordinates(&self, pixel: usize) -> [usize; 3] {
        let [_, rows, columns] = self.output;
        [pixel / (rows * columns), pixel / columns % rows, pixel % columns]
    }

    /// Returns the place of the first tap of `pixel`, if the taps of this and the next `count - 1` pixels are all inside
    /// the image and one step apart.
    fn regular(&self, pixel: usize, count: usize) -> Option<usize> {
        let Self { input, window, output, .. } = self;
        if self.is_line() {
            return Some(input.start + pixel * input.strides[3]);
        }
        let [image, row, column] = self.coordinates(pixel);
        let inside = |d: usize, first: usize, last: usize| {
            let end = last * window.stride[d] + (window.kernel[d] - 1) * window.dilation[d];
            first * window.stride[d] >= window.before[d] && end < window.before[d] + input.shape[2 + d]
        };
        let whole = column + count <= output[2] && inside(0, row, row) && inside(1, column, column + count - 1);
        let (y, x) = (row * window.stride[0], column * window.stride[1]);
        whole.then(|| {
            let place = [image, 0, y - window.before[0], x - window.before[1]];
            input.start + place.iter().zip(&input.strides).map(|(at, stride)| at * stride).sum::<usize>()
        })
    }

    /// Returns true if output pixel `i` reads input pixel `i` alone, and the input's pixels lie one step apart.
    fn is_line(&self) -> bool {
        let Self { input, window, output, .. } = self;
        let [images, rows, columns] = *output;
        let (image, row, column) = (input.strides[0], input.strides[2], input.strides[3]);
        window.kernel == [1, 1]
            && window.stride == [1, 1]
            && window.before == [0, 0]
            && [rows, columns] == input.shape[2..]
            && (rows == 1 || row == columns * column)
            && (images == 1 || image == rows * columns * column)
    }

    /// Appends the places of all taps of one output pixel.
    fn extend(&self, places: &mut Vec<u32>, pixel: usize) {
        let Self { input, window, outside, .. } = self;
        let [image, row, column] = self.coordinates(pixel);
        let along = |d: usize, out: usize, tap: usize| {
            let place = out * window.stride[d] + tap * window.dilation[d];
            place.checked_sub(window.before[d]).filter(|&place| place < input.shape[2 + d])
        };
        let start = places.len();
        for ky in 0..window.kernel[0] {
            let Some(y) = along(0, row, ky) else {
                places.resize(places.len() + window.kernel[1], OUTSIDE);
                continue;
            };
            let first = input.start + image * input.strides[0] + y * input.strides[2];
            let place = |kx| along(1, column, kx).map_or(OUTSIDE, |x| (first + x * input.strides[3]) as u32);
            places.extend((0..window.kernel[1]).map(place));
        }
        if *outside == Outside::Inside {
            let own = &mut places[start..];
            let inside = own.iter().copied().find(|&place| place != OUTSIDE).unwrap_or(OUTSIDE);
            own.iter_mut().filter(|place| **place == OUTSIDE).for_each(|place| *place = inside);
        }
    }

    /// Returns the places of the taps of some output pixels, `[pixel][tap]`.
    fn table(&self, pixel: usize, count: usize) -> Vec<u32> {
        let mut table = Vec::with_capacity(count * self.taps());
        (pixel..pixel + count).for_each(|pixel| self.extend(&mut table, pixel));
        table
    }
}

impl Tiling {
    /// Cuts the output into tiles of [`Isa::tile_pixels`].
    pub(super) fn new(isa: Isa, places: &Places) -> Self {
        let pixels = places.pixels();
        let mut tiling = Self::default();
        let mut done = 0;
        while done < pixels {
            let left = pixels - done;
            let sizes = isa.tile_pixels();
            let covering = sizes.iter().rev().find(|&&size| size >= left && size <= pixels);
            let fitting = sizes.iter().find(|&&size| size <= left);
            let count = *covering.or(fitting).expect("a tile of one pixel always fits");
            let pixel = done.min(pixels - count);
            tiling.push(places, Layout::Taps, pixel, count);
            done = pixel + count;
        }
        tiling
    }

    /// Cuts the output into tiles whose pixels share input columns: the taps of each pixel are those of its neighbour,
    /// shifted by one column. Returns `None` if the tiles would be too small, as with a stride.
    pub(super) fn shared(isa: Isa, places: &Places) -> Option<Self> {
        if places.window.kernel[1] != SHARED || places.window.dilation[1] != places.window.stride[1] {
            return None;
        }
        let pixels = places.pixels();
        let mut tiling = Self::default();
        let mut done = 0;
        while done < pixels {
            let sizes = isa.shared_pixels();
            let longest = sizes[0].min(pixels - done);
            let run = if places.regular(done, longest).is_some() { longest } else { shifted(places, done, longest) };
            let count = *sizes.iter().find(|&&size| size <= run).expect("a tile of one pixel always fits");
            tiling.push(places, Layout::Columns, done, count);
            done += count;
        }
        (2 * tiling.tiles.len() <= pixels).then_some(tiling)
    }

    fn push(&mut self, places: &Places, layout: Layout, pixel: usize, count: usize) {
        let (base, pattern) = match places.regular(pixel, count) {
            Some(base) => (base, self.pattern(places, layout, count)),
            None => (0, self.add(layout, places, count, &places.table(pixel, count))),
        };
        let (first, last) = (base + pattern.smallest, base + pattern.largest);
        self.tiles.push(Tile { pixel, count, base, offsets: pattern.offsets, first, last });
    }

    /// Returns the outermost places that some tiles read.
    pub(super) fn reads(&self, tiles: &Range<usize>) -> [usize; 2] {
        let tiles = &self.tiles[tiles.clone()];
        let first = tiles.iter().map(|tile| tile.first).min().unwrap_or(0);
        [first, tiles.iter().map(|tile| tile.last).max().unwrap_or(0)]
    }

    /// Returns the shared pattern of regular tiles of `count` pixels.
    fn pattern(&mut self, places: &Places, layout: Layout, count: usize) -> Pattern {
        if let Some(known) = self.patterns.iter().find(|pattern| pattern.count == count) {
            return *known;
        }
        let Window { kernel, stride, dilation, .. } = places.window;
        let (row, column) = (places.input.strides[2], places.input.strides[3]);
        let mut table = Vec::with_capacity(count * places.taps());
        for p in 0..count {
            for ky in 0..kernel[0] {
                let tap = |kx: usize| ky * dilation[0] * row + (p * stride[1] + kx * dilation[1]) * column;
                table.extend((0..kernel[1]).map(|kx| tap(kx) as u32));
            }
        }
        let pattern = Pattern { smallest: 0, ..self.add(layout, places, count, &table) };
        self.patterns.push(pattern);
        pattern
    }

    /// Appends the offsets of a tile from their table `[pixel][tap]`.
    fn add(&mut self, layout: Layout, places: &Places, count: usize, table: &[u32]) -> Pattern {
        let taps = places.taps();
        let offsets = self.offsets.len();
        match layout {
            Layout::Taps => {
                for tap in 0..taps {
                    self.offsets.extend((0..count).map(|p| table[p * taps + tap]));
                }
            }
            Layout::Columns => {
                for row in 0..taps / SHARED {
                    let at = |p: usize, column: usize| table[p * taps + row * SHARED + column];
                    self.offsets.extend((0..count).map(|p| at(p, 0)));
                    self.offsets.extend((1..SHARED).map(|column| at(count - 1, column)));
                }
            }
        }
        let smallest = table.iter().filter(|&&offset| offset != OUTSIDE).min().map_or(0, |&offset| offset as usize);
        let largest = table.iter().max().map_or(0, |&offset| offset as usize);
        Pattern { count, offsets, smallest, largest }
    }
}

/// Returns how many pixels from `pixel` on, at most `longest`, have the taps of the pixel before them, shifted by one
/// column.
fn shifted(places: &Places, pixel: usize, longest: usize) -> usize {
    let taps = places.taps();
    let table = places.table(pixel, longest);
    let follows = |p: &usize| {
        let (before, own) = (&table[(p - 1) * taps..p * taps], &table[p * taps..(p + 1) * taps]);
        before.chunks(SHARED).zip(own.chunks(SHARED)).all(|(before, own)| before[1..] == own[..SHARED - 1])
    };
    1 + (1..longest).take_while(follows).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(kernel: usize, stride: usize, before: usize) -> Window {
        let both = |side| [side, side];
        let (kernel, stride, before) = (both(kernel), both(stride), both(before));
        Window { kernel, stride, dilation: [1, 1], before, after: before }
    }

    /// Two images of 8 channels that lie `gap` floats apart.
    fn image(height: usize, width: usize, gap: usize) -> View {
        let strides = vec![height * width * 8 + gap, 1, width * 8, 8];
        View { buffer: 0, start: 64, shape: vec![2, 8, height, width], strides }
    }

    #[test]
    fn every_tile_reads_the_places_of_its_pixels() {
        for isa in Isa::available() {
            for (window, gap) in
                [(window(1, 1, 0), 0), (window(1, 1, 0), 16), (window(3, 1, 1), 0), (window(3, 2, 1), 0)]
            {
                let input = image(19, 23, gap);
                let size = window.output([19, 23]).expect("it fits");
                let places = Places::new(&input, window, size, Outside::Zeros).expect("it is small");
                let tiling = Tiling::new(isa, &places);
                for tile in &tiling.tiles {
                    let table = places.table(tile.pixel, tile.count);
                    for (at, place) in table.iter().enumerate() {
                        let (p, tap) = (at / places.taps(), at % places.taps());
                        let offset = tiling.offsets[tile.offsets + tap * tile.count + p] as usize;
                        assert_eq!(tile.base + offset, *place as usize, "{window:?} {tile:?}");
                    }
                    let inside = || table.iter().filter(|place| **place != OUTSIDE).map(|place| *place as usize);
                    assert_eq!((inside().min(), inside().max()), (Some(tile.first), Some(tile.last)), "{tile:?}");
                }
                for tile in Tiling::shared(isa, &places).iter().flat_map(|tiling| &tiling.tiles) {
                    assert!(tile.pixel + tile.count <= places.pixels());
                }
            }
        }
    }

    #[test]
    fn shared_tiles_read_each_column_once() {
        let isa = Isa::best();
        let input = image(19, 23, 0);
        let places = Places::new(&input, window(3, 1, 1), [19, 23], Outside::Zeros).expect("it is small");
        let tiling = Tiling::shared(isa, &places).expect("there is no stride");
        assert!(tiling.offsets.len() < 2 * places.pixels(), "most tiles share a pattern");
        assert_eq!(tiling.tiles.iter().map(|tile| tile.count).sum::<usize>(), places.pixels());
        for tile in &tiling.tiles {
            let table = places.table(tile.pixel, tile.count);
            for (at, place) in table.iter().enumerate() {
                let (p, row, column) = (at / 9, at / 3 % 3, at % 3);
                let offset = tiling.offsets[tile.offsets + row * (tile.count + 2) + p + column] as usize;
                assert_eq!(tile.base + offset, *place as usize, "{tile:?}");
            }
        }
    }

    #[test]
    fn places_beyond_32_bits_are_refused() {
        let far = View { start: u32::MAX as usize - 100, ..image(2, 2, 0) };
        assert!(Places::new(&far, window(1, 1, 0), [2, 2], Outside::Zeros).is_some());
        assert!(Places::new(&image(20_000, 20_000, 0), window(1, 1, 0), [2, 2], Outside::Zeros).is_none());
    }
}
