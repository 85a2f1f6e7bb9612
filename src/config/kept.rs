//! Where images are kept.

use std::path::{Path, PathBuf};

use crate::config::source::{Source, Sources};
use crate::config::value;
use crate::media::{Credentials, S3, Settings};

const ALLOWED: &str = "a folder, s3://bucket, s3://bucket/folder";
/// What a store without regions is told.
const REGION: &str = "us-east-1";
/// As Amazon has them; other stores allow no more.
const BUCKET_CHARS: std::ops::RangeInclusive<usize> = 3..=63;

pub fn media(sources: &mut Sources, data: &Path) -> Settings {
    let default = data.join("media").display().to_string();
    let place = sources.value("media", default, ALLOWED, value::plain::<String>);
    let region = sources.value("s3_region", REGION.to_owned(), "a region such as eu-central-1", value::plain);
    let endpoint = sources.optional(
        "s3_endpoint",
        "that of the region",
        "a URL such as https://minio.example:9000",
        value::endpoint,
        Clone::clone,
    );
    let id = sources.optional("s3_access_key_id", "none", "a key's id", value::plain::<String>, Clone::clone);
    sources.show("s3_secret_access_key", "none".to_owned(), Source::Default);
    let secret = sources.secret("s3_secret_access_key").map(|(secret, source)| {
        sources.show_secret("s3_secret_access_key", source);
        secret
    });
    let Some(bucket) = place.strip_prefix("s3://") else {
        lonely(sources, &place);
        return Settings::Folder(PathBuf::from(place));
    };
    let (bucket, folder) = bucket.split_once('/').unwrap_or((bucket, ""));
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if !BUCKET_CHARS.contains(&bucket.len()) || !bucket.chars().all(is_good) {
        sources.fault("media", sources.source("media"), format!("no bucket can be named '{bucket}'"), ALLOWED);
    }
    for (name, is_missing) in [("s3_access_key_id", id.is_none()), ("s3_secret_access_key", secret.is_none())] {
        if is_missing {
            sources.fault(name, Source::Default, format!("the bucket of '{place}' needs it"), "the store's own");
        }
    }
    let credentials = id.zip(secret).map(|(id, secret)| Credentials { id, secret });
    let folder = folder.trim_matches('/').to_owned();
    Settings::S3(Box::new(S3 { bucket: bucket.to_owned(), folder, region, endpoint, credentials }))
}

/// Notes what does not go with a folder.
fn lonely(sources: &mut Sources, place: &str) {
    if place.is_empty() || place.contains("://") {
        sources.fault("media", sources.source("media"), format!("'{place}' is no such place"), ALLOWED);
        return;
    }
    for name in ["s3_region", "s3_endpoint", "s3_access_key_id", "s3_secret_access_key"] {
        let source = sources.source(name);
        if source != Source::Default {
            sources.fault(name, source, format!("'media' is the folder {place}"), "a 'media' that begins with s3://");
        }
    }
}
