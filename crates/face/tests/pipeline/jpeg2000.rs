//! Compares JPEG 2000 files of the usual forms, pixel by pixel, with what `OpenJPEG` reads.

use face::image::{Image, PIXELS_MAX};
use face::memory::Memory;
use testkit::{project, python};

use crate::jpeg::{is_equal, reference};

#[test]
fn pixels_are_as_openjpeg_reads_them() {
    let (folder, memory) = (tempfile::tempdir().expect("there is room"), Memory::new(PIXELS_MAX));
    let photograph = project::path("crates/face/tests/pipeline/files/baseline.jpg");
    python::run("crates/face/tests/pipeline/jpeg2000.py", &[&photograph, folder.path()]);
    let mut files: Vec<_> = std::fs::read_dir(folder.path()).expect("it was written").flatten().collect();
    files.retain(|file| file.path().extension().is_none());
    files.sort_by_key(std::fs::DirEntry::file_name);
    assert_eq!(files.len(), 4 * 6 * 2);
    for file in files {
        let (path, name) = (file.path(), file.file_name());
        let bytes = std::fs::read(&path).expect("it was written");
        let image = Image::decode(&bytes, PIXELS_MAX, &memory).unwrap_or_else(|error| panic!("{name:?}: {error}"));
        let is_equal = is_equal(&image, &reference(&path.with_extension("ppm")));
        println!("{:<32} {}", name.display(), if is_equal { "equal" } else { "DIFFERENT" });
        assert!(is_equal, "{name:?}");
    }
}
