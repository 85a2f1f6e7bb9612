//! Operators on images `[N, C, H, W]`.

use crate::error::Error;
use crate::lower::Lowering;
use crate::network::ValueId;
use crate::operator::{GridSample, Op, Pool, Tap, Window};
use crate::tensor::Tensor;

/// Largest kernel, stride, padding or image side. Sums of a few such sizes never overflow.
const SIZE_MAX: usize = 1 << 16;

impl Lowering<'_> {
    pub(super) fn conv(&mut self) -> Result<ValueId, Error> {
        let [n, channels, height, width] = self.image(0)?;
        let weight = self.constant(1)?.ok_or_else(|| self.raw.error("it has no weight"))?;
        let &[out, per_group, kh, kw] = weight.shape.as_slice() else {
            return Err(self.raw.error(format!("weight {:?}: only 2-D is known", weight.shape)));
        };
        let group = usize::try_from(self.raw.int("group", 1)).unwrap_or(0);
        let fits = per_group.checked_mul(group) == Some(channels) && out.is_multiple_of(group);
        if group == 0 || !fits || weight.is_empty() || kh.max(kw) > SIZE_MAX {
            let found = format!("{channels} channels, {group} groups, weight {:?}", weight.shape);
            return Err(self.raw.error(found));
        }
        let bias = self.floats(2)?.unwrap_or_else(|| vec![0.0; out]);
        if bias.len() != out || weight.as_f32().is_none() {
            return Err(self.raw.error("its bias or weight does not fit"));
        }
        let window = self.window([kh, kw], [height, width])?;
        let size = self.output_size(&window, [height, width])?;
        let bias = self.new_constant("bias", Tensor::f32(&[out], bias));
        let inputs = vec![self.input(0)?, self.input(1)?, bias];
        Ok(self.emit(Op::Conv { group, window }, inputs, vec![n, out, size[0], size[1]]))
    }

    pub(super) fn pool(&mut self) -> Result<ValueId, Error> {
        let [n, channels, height, width] = self.image(0)?;
        let kernel = self.raw.ints("kernel_shape").unwrap_or_default();
        let kernel = self.pair("kernel_shape", kernel)?;
        let mut window = self.window(kernel, [height, width])?;
        if self.raw.int("ceil_mode", 0) != 0 {
            extend_to_ceil(&mut window, [height, width]);
        }
        let kind = match self.raw.op.as_str() {
            "MaxPool" => Pool::Max,
            _ => Pool::Average { count_padding: self.raw.int("count_include_pad", 0) != 0 },
        };
        let size = self.output_size(&window, [height, width])?;
        let input = self.input(0)?;
        let shape = vec![n, channels, size[0], size[1]];
        Ok(self.emit(Op::Pool { kind, window }, vec![input], shape))
    }

    pub(super) fn global_pool(&mut self) -> Result<ValueId, Error> {
        let kind = match self.raw.op.as_str() {
            "GlobalMaxPool" => Pool::Max,
            _ => Pool::Average { count_padding: false },
        };
        self.pool_plane(kind)
    }

    /// Pools each whole plane to one value.
    pub(super) fn pool_plane(&mut self, kind: Pool) -> Result<ValueId, Error> {
        let [n, channels, height, width] = self.image(0)?;
        let window =
            Window { kernel: [height, width], stride: [1, 1], dilation: [1, 1], before: [0, 0], after: [0, 0] };
        let input = self.input(0)?;
        Ok(self.emit(Op::Pool { kind, window }, vec![input], vec![n, channels, 1, 1]))
    }

    fn window(&self, kernel: [usize; 2], size: [usize; 2]) -> Result<Window, Error> {
        let stride = self.pair("strides", self.raw.ints("strides").unwrap_or(&[1, 1]))?;
        let dilation = self.pair("dilations", self.raw.ints("dilations").unwrap_or(&[1, 1]))?;
        let mut window = Window { kernel, stride, dilation, before: [0, 0], after: [0, 0] };
        match self.raw.text("auto_pad", "NOTSET") {
            "NOTSET" => {
                let pads = self.raw.ints("pads").unwrap_or(&[0; 4]);
                let size = |p: i64| usize::try_from(p).ok().filter(|&p| p <= SIZE_MAX);
                let pads: Option<Vec<_>> = pads.iter().map(|&p| size(p)).collect();
                let Some(&[top, left, bottom, right]) = pads.as_deref() else {
                    return Err(self.raw.error("pads must be four sizes"));
                };
                (window.before, window.after) = ([top, left], [bottom, right]);
            }
            "VALID" => {}
            side @ ("SAME_UPPER" | "SAME_LOWER") => same_padding(&mut window, size, side),
            other => return Err(self.raw.error(format!("auto_pad '{other}'"))),
        }
        Ok(window)
    }

    fn pair(&self, name: &str, values: &[i64]) -> Result<[usize; 2], Error> {
        let size = |v: i64| usize::try_from(v).ok().filter(|v| (1..=SIZE_MAX).contains(v));
        let sizes: Option<Vec<_>> = values.iter().map(|&v| size(v)).collect();
        let pair = sizes.and_then(|sizes| sizes.try_into().ok());
        pair.ok_or_else(|| self.raw.error(format!("{name} {values:?}: only 2-D is known")))
    }

    fn output_size(&self, window: &Window, size: [usize; 2]) -> Result<[usize; 2], Error> {
        let too_large = || self.raw.error(format!("its window does not fit an image of {size:?}"));
        window.output(size).ok_or_else(too_large)
    }

    pub(super) fn resize(&mut self) -> Result<ValueId, Error> {
        let [n, channels, height, width] = self.image(0)?;
        let (scales_at, sizes_at) = match self.raw.op.as_str() {
            "Resize" if self.opset >= 11 => (2, 3),
            _ => (1, usize::MAX),
        };
        let scales = self.floats(scales_at)?.filter(|scales| !scales.is_empty());
        let (size, scale) = match (scales, self.integers(sizes_at)?) {
            (Some(scales), _) if scales.len() == 4 => {
                let out = |size: usize, scale: f32| (size as f32 * scale).floor() as usize;
                ([out(height, scales[2]), out(width, scales[3])], [scales[2], scales[3]])
            }
            (None, Some(sizes)) if sizes.len() == 4 => {
                let out = [sizes[2].max(0) as usize, sizes[3].max(0) as usize];
                (out, [out[0] as f32 / height as f32, out[1] as f32 / width as f32])
            }
            _ => return Err(self.raw.error("it needs four scales or four sizes")),
        };
        if size.iter().any(|size| !(1..=SIZE_MAX).contains(size)) {
            return Err(self.raw.error(format!("its output is {size:?}")));
        }
        let rows = self.taps(height, size[0], scale[0])?;
        let columns = self.taps(width, size[1], scale[1])?;
        let input = self.input(0)?;
        let shape = vec![n, channels, size[0], size[1]];
        Ok(self.emit(Op::Resize { rows, columns }, vec![input], shape))
    }

    pub(super) fn grid_sample(&mut self) -> Result<ValueId, Error> {
        let [n, channels, height, width] = self.image(0)?;
        let grid = self.image(1)?;
        if grid[0] != n || grid[3] != 2 || height.max(width) > SIZE_MAX {
            return Err(self.raw.error(format!("{grid:?} does not say where to read {n} images")));
        }
        let mode = self.raw.text("mode", "linear");
        let border = match self.raw.text("padding_mode", "zeros") {
            "zeros" => false,
            "border" => true,
            other => return Err(self.raw.error(format!("padding_mode '{other}'"))),
        };
        if !matches!(mode, "linear" | "bilinear") {
            return Err(self.raw.error(format!("mode '{mode}'")));
        }
        let sample = GridSample { align_corners: self.raw.int("align_corners", 0) != 0, border };
        let inputs = vec![self.input(0)?, self.input(1)?];
        Ok(self.emit(Op::GridSample(sample), inputs, vec![n, channels, grid[1], grid[2]]))
    }

    /// Returns the taps of `out` samples on a line of `len` pixels, by the node's coordinate convention.
    fn taps(&self, len: usize, out: usize, scale: f32) -> Result<Vec<Tap>, Error> {
        let convention = match self.opset {
            ..=10 => "asymmetric",
            _ => self.raw.text("coordinate_transformation_mode", "half_pixel"),
        };
        let place = |i: f32| match convention {
            "asymmetric" => Some(i / scale),
            "pytorch_half_pixel" | "align_corners" if out == 1 => Some(0.0),
            "half_pixel" | "pytorch_half_pixel" => Some((i + 0.5) / scale - 0.5),
            "align_corners" => Some(i * (len - 1) as f32 / (out - 1) as f32),
            _ => None,
        };
        let rounding = match self.opset {
            ..=10 => "floor",
            _ => self.raw.text("nearest_mode", "round_prefer_floor"),
        };
        let last = (len - 1) as f32;
        let tap = |i: usize| {
            let x = place(i as f32)?;
            let nearest = match (self.raw.text("mode", "nearest"), rounding) {
                ("linear", _) => {
                    let x = x.clamp(0.0, last);
                    let high = (x.floor() + 1.0).min(last);
                    return Some(Tap { low: x as usize, high: high as usize, weight: x.fract() });
                }
                ("nearest", "floor") => x.floor(),
                ("nearest", "ceil") => x.ceil(),
                ("nearest", "round_prefer_ceil") => (x + 0.5).floor(),
                ("nearest", "round_prefer_floor") => (x - 0.5).ceil(),
                _ => return None,
            };
            let at = nearest.clamp(0.0, last) as usize;
            Some(Tap { low: at, high: at, weight: 0.0 })
        };
        let taps: Option<Vec<Tap>> = (0..out).map(tap).collect();
        taps.ok_or_else(|| self.raw.error(format!("mode, '{convention}' or '{rounding}'")))
    }
}

/// Pads so that the output is the input divided by the stride, rounded up.
fn same_padding(window: &mut Window, size: [usize; 2], side: &str) {
    for (d, size) in size.into_iter().enumerate() {
        let reach = (window.kernel[d] - 1) * window.dilation[d] + 1;
        let covered = (size.div_ceil(window.stride[d]) - 1) * window.stride[d] + reach;
        let total = covered.saturating_sub(size);
        let small = total / 2;
        window.before[d] = if side == "SAME_UPPER" { small } else { total - small };
        window.after[d] = total - window.before[d];
    }
}

/// Rounds the output size up, unless the extra window would lie entirely in the padding.
fn extend_to_ceil(window: &mut Window, size: [usize; 2]) {
    let Some(out) = window.output(size) else { return };
    for d in 0..2 {
        let reach = (window.kernel[d] - 1) * window.dilation[d] + 1;
        let end = out[d] * window.stride[d] + reach;
        let padded = size[d] + window.before[d] + window.after[d];
        if end > padded && end < padded + window.stride[d] && out[d] * window.stride[d] < size[d] + window.before[d] {
            window.after[d] += end - padded;
        }
    }
}
