//! Four photographs inside the program: networks are tried on them, and they show newcomers the results.

/// The file name and the bytes of an official White House photograph, which is in the public domain.
pub type Sample = (&'static str, &'static [u8]);

/// Three photographs of one man.
pub const ONE: [Sample; 3] = [
    ("obama.jpg", include_bytes!("../../../tests/samples/obama.jpg")),
    ("obama2.jpg", include_bytes!("../../../tests/samples/obama2.jpg")),
    ("obama3.jpg", include_bytes!("../../../tests/samples/obama3.jpg")),
];
/// A photograph of another man.
pub const OTHER: Sample = ("biden.jpg", include_bytes!("../../../tests/samples/biden.jpg"));

/// A frontal portrait in good light: networks that do not describe its face are not served.
pub const PORTRAIT: &[u8] = ONE[1].1;
