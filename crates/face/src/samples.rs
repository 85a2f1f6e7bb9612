//! Four photographs inside of the program, by which networks are tried and a newcomer is shown what they do.

/// Official White House photographs, in the public domain: the file's name and its bytes.
pub type Sample = (&'static str, &'static [u8]);

/// Three of one man.
pub const ONE: [Sample; 3] = [
    ("obama.jpg", include_bytes!("../../../tests/samples/obama.jpg")),
    ("obama2.jpg", include_bytes!("../../../tests/samples/obama2.jpg")),
    ("obama3.jpg", include_bytes!("../../../tests/samples/obama3.jpg")),
];
/// One of another.
pub const OTHER: Sample = ("biden.jpg", include_bytes!("../../../tests/samples/biden.jpg"));

/// A frontal portrait in good light: networks that do not describe its face are not served.
pub const PORTRAIT: &[u8] = ONE[1].1;
