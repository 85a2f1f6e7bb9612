//! Installs a published pack.

use std::fs;
use std::path::{Path, PathBuf};

use face::pack::{MANIFEST, Pack};
use onnx_convert::Structure;

use crate::fetch::{self, Origin};
use crate::published::{PackFile, Published, Way};
use crate::{Error, PackFolder};

/// Sources wait here until the pack is whole, so that a failed installation can be resumed.
const SOURCES: &str = "sources";
const PACK: &str = "pack";

/// Fetches the sources, makes the pack's files from them, and moves the pack into its place once it has been read as a
/// whole. Calls `progress` with the name of a source and the number of its bytes that have arrived.
pub async fn install(
    pack_folder: &PackFolder,
    published: &Published,
    origin: &Origin,
    progress: &(dyn Fn(&str, u64) + Sync),
) -> Result<PathBuf, Error> {
    let staging = pack_folder.staging(published.name)?;
    let (sources, pack) = (staging.join(SOURCES), staging.join(PACK));
    fs::create_dir_all(&sources).map_err(|source| Error::File { path: sources.clone(), source })?;
    for source in &published.description.sources {
        fetch::fetch(source, origin, &sources.join(&source.name), &|bytes| progress(&source.name, bytes)).await?;
    }
    tokio::task::block_in_place(|| make(published, &sources, &pack))?;
    let folder = pack_folder.place(&pack, published.name)?;
    fs::remove_dir_all(&staging).map_err(|source| Error::File { path: staging, source })?;
    Ok(folder)
}

/// Makes the pack's folder from its sources.
fn make(published: &Published, sources: &Path, pack: &Path) -> Result<(), Error> {
    for file in &published.description.files {
        crate::write(&pack.join(&file.name), &onnx(published, file, sources)?)?;
    }
    crate::write(&pack.join(MANIFEST), published.manifest.as_bytes())?;
    for licence in licence_files(published)? {
        let described = |reason| Error::Description { name: published.name.to_owned(), reason };
        let text = Pack::built_in_file(&licence).ok_or_else(|| described(format!("there is no {licence}")))?;
        crate::write(&pack.join(&licence), &text)?;
    }
    Pack::read(pack)?;
    Ok(())
}

fn onnx(published: &Published, file: &PackFile, sources: &Path) -> Result<Vec<u8>, Error> {
    let read = |name: &String| {
        let path = sources.join(&published.source(name)?.name);
        fs::read(&path).map_err(|source| Error::File { path, source })
    };
    let bytes: Vec<Vec<u8>> = file.made.of.iter().map(read).collect::<Result<_, _>>()?;
    let made = match (file.made.way, bytes.as_slice()) {
        (Way::TheyAre, [bytes]) => Ok(bytes.clone()),
        (Way::Openvino, [description, weights]) => onnx_convert::openvino(description, weights),
        (Way::MinifasnetV2, [weights]) => onnx_convert::state_dict(weights, Structure::MiniFasNetV2),
        (Way::MinifasnetV1Se, [weights]) => onnx_convert::state_dict(weights, Structure::MiniFasNetV1Se),
        (way, sources) => {
            let reason = format!("{}: {way:?} does not take {} sources", file.name, sources.len());
            return Err(Error::Description { name: published.name.to_owned(), reason });
        }
    };
    made.map_err(|source| Error::Convert { file: file.name.clone(), source })
}

/// Returns the licence files that the manifest names, each once.
fn licence_files(published: &Published) -> Result<Vec<String>, Error> {
    let manifest = published.parsed()?;
    let mut files: Vec<String> = manifest.entries().flat_map(|(_, entry)| entry.licence_files.clone()).collect();
    files.sort_unstable();
    files.dedup();
    Ok(files)
}
