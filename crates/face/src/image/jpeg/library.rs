//! Wraps the JPEG decoder of libjpeg-turbo, as mozjpeg ships it, in safe functions.
//!
//! The C code is compiled so that its errors can unwind. Each call stands in [`guarded`], which catches them.

use std::marker::PhantomData;
use std::os::raw::{c_int, c_long, c_ulong};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::{mem, slice};

use mozjpeg_sys::{
    J_COLOR_SPACE, JERR_BAD_COMPONENT_ID, JERR_BAD_J_COLORSPACE, JERR_BAD_MCU_SIZE, JERR_BAD_PRECISION,
    JERR_BAD_SAMPLING, JERR_COMPONENT_COUNT, JERR_CONVERSION_NOTIMPL, JERR_EMPTY_IMAGE, JERR_FRACT_SAMPLE_NOTIMPL,
    JERR_IMAGE_TOO_BIG, JERR_INPUT_EOF, JERR_NO_BACKING_STORE, JERR_NO_IMAGE, JERR_OUT_OF_MEMORY, JERR_SOF_NO_SOS,
    JERR_SOF_UNSUPPORTED, JERR_SOS_NO_SOF, JWRN_ADOBE_XFORM, JWRN_BOGUS_PROGRESSION, JWRN_EXTRANEOUS_DATA,
    JWRN_HIT_MARKER, JWRN_JFIF_MAJOR, JWRN_JPEG_EOF, JWRN_NOT_SEQUENTIAL, jpeg_common_struct, jpeg_component_info,
    jpeg_create_decompress, jpeg_decompress_struct, jpeg_destroy_decompress, jpeg_error_mgr, jpeg_has_multiple_scans,
    jpeg_mem_src, jpeg_progress_mgr, jpeg_read_header, jpeg_read_scanlines, jpeg_start_decompress, jpeg_std_error,
};

use crate::Error;
use crate::image::pixels::inks_to_rgb;
use crate::image::undecodable;

/// The most scans. A progressive file usually has ten, and each may cost as much as the first.
const SCANS_MAX: c_int = 100;
/// Bytes of a block: 64 numbers of two bytes.
const BLOCK_BYTES: u64 = 128;
/// Rows of samples that the library holds for each component: five blocks of eight, and some that it upsamples.
const ROWS_HELD: u64 = 48;
/// Bytes of tables and of all else that does not grow with the picture.
const FIXED_BYTES: u64 = 1 << 20;
/// Our own error among the library's codes, which are positive.
const TOO_MANY_SCANS: c_int = -1;

/// A file whose headers are read, up to the first scan.
pub struct Decoder<'a> {
    /// Comes from a box. The library keeps pointers into it, so it is never moved or borrowed as a whole.
    state: *mut State,
    file: PhantomData<&'a [u8]>,
}

struct State {
    library: jpeg_decompress_struct,
    /// `num_warnings` counts how often the end of the file came too early.
    errors: jpeg_error_mgr,
    progress: jpeg_progress_mgr,
}

/// The code of an error that unwinds out of the library.
struct Failure(c_int);

impl<'a> Decoder<'a> {
    pub fn new(file: &'a [u8]) -> Result<Self, Error> {
        // SAFETY: its members are numbers, pointers, functions that may be absent, and enumerations that begin at zero.
        let state = Box::into_raw(Box::new(unsafe { mem::zeroed::<State>() }));
        let decoder = Self { state, file: PhantomData };
        // SAFETY: the state lives as long as the decoder, and the file longer. The library keeps `err` and
        // `client_data` when it fills in the rest.
        guarded(|| unsafe {
            jpeg_std_error(&mut (*state).errors);
            (*state).errors.error_exit = Some(fail);
            (*state).errors.emit_message = Some(warned);
            (*state).progress.progress_monitor = Some(progressed);
            let library = &raw mut (*state).library;
            (*library).common.err = &raw mut (*state).errors;
            (*library).common.client_data = state.cast();
            jpeg_create_decompress(library);
            (*library).common.progress = &raw mut (*state).progress;
            jpeg_mem_src(&mut *library, file.as_ptr(), file.len() as c_ulong);
            jpeg_read_header(&mut *library, 1);
        })?;
        Ok(decoder)
    }

    /// Returns width and height, in pixels; neither is zero.
    pub fn size(&self) -> (u32, u32) {
        (self.library().image_width, self.library().image_height)
    }

    /// Returns the bytes of all coefficients if the picture is spread over several scans, since the library then keeps
    /// them; else zero.
    pub fn coefficient_bytes(&self) -> u64 {
        // SAFETY: the headers are read.
        if unsafe { jpeg_has_multiple_scans(self.library()) } == 0 {
            return 0;
        }
        let padded = |blocks: u32, factor: c_int| u64::from(blocks.next_multiple_of(factor as u32));
        let blocks = self.components().iter().map(|component| {
            padded(component.width_in_blocks, component.h_samp_factor)
                * padded(component.height_in_blocks, component.v_samp_factor)
        });
        BLOCK_BYTES * blocks.sum::<u64>()
    }

    /// Returns the bytes that the library takes beside pixels and coefficients.
    pub fn row_bytes(&self) -> u64 {
        ROWS_HELD * u64::from(self.size().0) * self.components().len() as u64 + FIXED_BYTES
    }

    /// Reads the pixels: red, green, blue. The end marker may be missing if `may_lack_end`.
    pub fn read(self, may_lack_end: bool) -> Result<Vec<u8>, Error> {
        let width = self.size().0 as usize;
        let mut pixels = vec![0; 3 * width * self.size().1 as usize];
        let bytes_max = self.coefficient_bytes() + self.row_bytes();
        // SAFETY: the headers are read, and each line has room for the samples of a row.
        guarded(|| unsafe {
            let library = &raw mut (*self.state).library;
            (*(*library).common.mem).max_memory_to_use = bytes_max as c_long;
            let has_inks = matches!((*library).jpeg_color_space, J_COLOR_SPACE::JCS_CMYK | J_COLOR_SPACE::JCS_YCCK);
            (*library).out_color_space = if has_inks { J_COLOR_SPACE::JCS_CMYK } else { J_COLOR_SPACE::JCS_RGB };
            jpeg_start_decompress(&mut *library);
            let channels = if has_inks { 4 } else { 3 };
            assert_eq!(((*library).output_width as usize, (*library).output_components), (width, channels));
            let mut inks = if has_inks { vec![0; 4 * width] } else { Vec::new() };
            for row in pixels.chunks_exact_mut(3 * width) {
                let mut line = if has_inks { inks.as_mut_ptr() } else { row.as_mut_ptr() };
                jpeg_read_scanlines(&mut *library, &raw mut line, 1);
                inks_to_rgb(&inks, row);
            }
        })?;
        // SAFETY: the library has returned.
        let is_cut = unsafe { (*self.state).errors.num_warnings > 0 };
        if is_cut && !(may_lack_end && self.coefficient_bytes() == 0) {
            return Err(undecodable(reason(JWRN_JPEG_EOF)));
        }
        Ok(pixels)
    }

    fn library(&self) -> &jpeg_decompress_struct {
        // SAFETY: the library changes it during calls only, and no call is in progress.
        unsafe { &(*self.state).library }
    }

    fn components(&self) -> &[jpeg_component_info] {
        let library = self.library();
        // SAFETY: the library allocated this many when it read the headers.
        unsafe { slice::from_raw_parts(library.comp_info, library.num_components as usize) }
    }
}

impl Drop for Decoder<'_> {
    fn drop(&mut self) {
        // SAFETY: the state came from a box, and the library may be destroyed in any state.
        unsafe {
            jpeg_destroy_decompress(&mut (*self.state).library);
            drop(Box::from_raw(self.state));
        }
    }
}

/// Turns a failure of the library into an error.
fn guarded(call: impl FnOnce()) -> Result<(), Error> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| match panic.downcast::<Failure>() {
        Ok(failure) => undecodable(reason(failure.0)),
        Err(panic) => resume_unwind(panic),
    })
}

unsafe extern "C-unwind" fn fail(common: &mut jpeg_common_struct) {
    // SAFETY: the library calls this with the error manager that it was given.
    let code = unsafe { (*common.err).msg_code };
    resume_unwind(Box::new(Failure(code)));
}

/// Turns missing and damaged picture data into errors. Tolerates faults of headers, and surplus bytes.
unsafe extern "C-unwind" fn warned(common: &mut jpeg_common_struct, level: c_int) {
    // SAFETY: as above.
    let errors = unsafe { &mut *common.err };
    match errors.msg_code {
        _ if level >= 0 => {}
        JWRN_ADOBE_XFORM | JWRN_BOGUS_PROGRESSION | JWRN_EXTRANEOUS_DATA | JWRN_JFIF_MAJOR | JWRN_NOT_SEQUENTIAL => {}
        JWRN_JPEG_EOF => errors.num_warnings += 1,
        damage => resume_unwind(Box::new(Failure(damage))),
    }
}

unsafe extern "C-unwind" fn progressed(common: &mut jpeg_common_struct) {
    let state: *mut State = common.client_data.cast();
    // SAFETY: `client_data` points at the state, which outlives the call.
    if unsafe { (*state).library.input_scan_number } > SCANS_MAX {
        resume_unwind(Box::new(Failure(TOO_MANY_SCANS)));
    }
}

/// Completes "the image cannot be decoded: ".
fn reason(code: c_int) -> String {
    match code {
        TOO_MANY_SCANS => return format!("it has more than {SCANS_MAX} scans"),
        JWRN_JPEG_EOF | JWRN_HIT_MARKER | JERR_INPUT_EOF => "it is cut short",
        JERR_NO_IMAGE | JERR_SOF_NO_SOS | JERR_SOS_NO_SOF => "it has headers, but no image data",
        JERR_EMPTY_IMAGE => "it has no pixels",
        JERR_IMAGE_TOO_BIG => "one of its sides has more than 65500 pixels",
        JERR_BAD_PRECISION => "its samples do not have 8 bits",
        JERR_SOF_UNSUPPORTED => "it is a lossless or hierarchical JPEG, which is not supported",
        JERR_COMPONENT_COUNT | JERR_CONVERSION_NOTIMPL | JERR_BAD_J_COLORSPACE => "it is neither grey, colour nor CMYK",
        JERR_BAD_SAMPLING | JERR_BAD_MCU_SIZE | JERR_FRACT_SAMPLE_NOTIMPL | JERR_BAD_COMPONENT_ID => {
            "its components do not fit together"
        }
        JERR_NO_BACKING_STORE | JERR_OUT_OF_MEMORY => "decoding it would take too much memory",
        _ => "its data are damaged",
    }
    .to_owned()
}
