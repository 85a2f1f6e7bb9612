//! Writes JPEG files of every form with the library that the project reads them with.

use std::mem;
use std::os::raw::c_int;
use std::ptr;

use mozjpeg_sys::{
    J_COLOR_SPACE, J_INT_PARAM, JINT_COMPRESS_PROFILE_VALUE, jpeg_c_set_int_param, jpeg_compress_struct,
    jpeg_create_compress, jpeg_destroy_compress, jpeg_error_mgr, jpeg_finish_compress, jpeg_mem_dest, jpeg_scan_info,
    jpeg_set_colorspace, jpeg_set_defaults, jpeg_set_quality, jpeg_simple_progression, jpeg_start_compress,
    jpeg_std_error, jpeg_write_scanlines,
};

/// The colours that a file's components stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    Grey,
    YCbCr,
    Rgb,
    Cmyk,
    Ycck,
}

/// The scans that a picture is spread over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scans {
    One,
    /// One for each component.
    Each,
    /// One for the first component, one for the others.
    FirstAndOthers,
    Progressive,
}

#[derive(Debug, Clone)]
pub struct Form {
    pub colours: Colours,
    /// Sampling factors across and down, for each component.
    pub factors: Vec<(c_int, c_int)>,
    pub scans: Scans,
    /// The restart interval in blocks of the interleaved scan; 0 for none.
    pub restart: u32,
    pub arithmetic: bool,
    pub jfif: bool,
    pub adobe: bool,
}

impl Colours {
    fn components(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::YCbCr | Self::Rgb => 3,
            Self::Cmyk | Self::Ycck => 4,
        }
    }

    fn has_inks(self) -> bool {
        self.components() == 4
    }

    fn space(self) -> J_COLOR_SPACE {
        match self {
            Self::Grey => J_COLOR_SPACE::JCS_GRAYSCALE,
            Self::YCbCr => J_COLOR_SPACE::JCS_YCbCr,
            Self::Rgb => J_COLOR_SPACE::JCS_RGB,
            Self::Cmyk => J_COLOR_SPACE::JCS_CMYK,
            Self::Ycck => J_COLOR_SPACE::JCS_YCCK,
        }
    }
}

impl Form {
    /// Describes one scan, with the headers that are usual for its colours.
    pub fn new(colours: Colours, factors: &[(c_int, c_int)]) -> Self {
        assert_eq!(factors.len(), colours.components());
        let jfif = matches!(colours, Colours::Grey | Colours::YCbCr);
        let adobe = !jfif;
        Self { colours, factors: factors.to_vec(), scans: Scans::One, restart: 0, arithmetic: false, jfif, adobe }
    }

    fn script(&self) -> Vec<jpeg_scan_info> {
        let components = self.colours.components() as c_int;
        let scan = |first: c_int, count: c_int| {
            let mut component_index = [0; 4];
            (0..count).for_each(|at| component_index[at as usize] = first + at);
            jpeg_scan_info { comps_in_scan: count, component_index, Ss: 0, Se: 63, Ah: 0, Al: 0 }
        };
        match self.scans {
            Scans::One | Scans::Progressive => vec![],
            Scans::Each => (0..components).map(|at| scan(at, 1)).collect(),
            Scans::FirstAndOthers => vec![scan(0, 1), scan(1, components - 1)],
        }
    }

    /// Encodes the picture in this form.
    pub fn encoded(&self, picture: &image::RgbImage) -> Vec<u8> {
        let (width, height) = picture.dimensions();
        let channels = if self.colours.has_inks() { 4 } else { 3 };
        let samples: Vec<u8> =
            picture.pixels().flat_map(|pixel| pixel.0.into_iter().chain([230]).take(channels)).collect();
        let script = self.script();
        let (mut file, mut len) = (ptr::null_mut(), 0);
        // SAFETY: the library is called in its order, with buffers of the stated lengths. Its errors end the process.
        unsafe {
            let mut errors: jpeg_error_mgr = mem::zeroed();
            let mut library: jpeg_compress_struct = mem::zeroed();
            library.common.err = jpeg_std_error(&mut errors);
            jpeg_create_compress(&raw mut library);
            jpeg_mem_dest(&mut library, &raw mut file, &raw mut len);
            (library.image_width, library.image_height) = (width, height);
            library.input_components = channels as c_int;
            library.in_color_space =
                if self.colours.has_inks() { J_COLOR_SPACE::JCS_CMYK } else { J_COLOR_SPACE::JCS_RGB };
            let plain = JINT_COMPRESS_PROFILE_VALUE::JCP_FASTEST as c_int;
            jpeg_c_set_int_param(&mut library, J_INT_PARAM::JINT_COMPRESS_PROFILE, plain);
            jpeg_set_defaults(&mut library);
            jpeg_set_colorspace(&mut library, self.colours.space());
            jpeg_set_quality(&mut library, 90, 1);
            for (at, (across, down)) in self.factors.iter().enumerate() {
                let component = &mut *library.comp_info.add(at);
                (component.h_samp_factor, component.v_samp_factor) = (*across, *down);
            }
            (library.write_JFIF_header, library.write_Adobe_marker) = (self.jfif.into(), self.adobe.into());
            (library.restart_interval, library.arith_code) = (self.restart, self.arithmetic.into());
            if self.scans == Scans::Progressive {
                jpeg_simple_progression(&mut library);
            } else if !script.is_empty() {
                (library.scan_info, library.num_scans) = (script.as_ptr(), script.len() as c_int);
            }
            jpeg_start_compress(&mut library, 1);
            for line in samples.chunks_exact(channels * width as usize) {
                let line = line.as_ptr();
                jpeg_write_scanlines(&mut library, &raw const line, 1);
            }
            jpeg_finish_compress(&mut library);
            jpeg_destroy_compress(&mut library);
            // The library allocated it, and it is freed when the process ends.
            std::slice::from_raw_parts(file, len as usize).to_vec()
        }
    }
}
