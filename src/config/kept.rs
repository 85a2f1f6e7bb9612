//! Where images are kept.

use std::path::Path;
use std::path::PathBuf;

use crate::config::source::Source;
use crate::config::source::Sources;
use crate::config::value;
use crate::media::Credentials;
use crate::media::S3;
use crate::media::Settings;

const ALLOWED: &str = "a folder, s3://bucket, s3://bucket/folder";
/// What a store without regions is told.
const REGION: &str = "us-east-1";

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
        let given = ["s3_region", "s3_endpoint", "s3_access_key_id", "s3_secret_access_key"];
        if let Some(name) = given.into_iter().find(|name| sources.is_given(name)) {
            let problem = format!("'media' is the folder {place}");
            sources.fault(name, Source::Default, problem, "a 'media' that begins with s3://");
        }
        return Settings::Folder(PathBuf::from(place));
    };
    let (bucket, folder) = bucket.split_once('/').unwrap_or((bucket, ""));
    if bucket.is_empty() {
        sources.fault("media", Source::Default, "it names no bucket".to_owned(), ALLOWED);
    }
    let credentials = match (id, secret) {
        (Some(id), Some(secret)) => Some(Credentials { id, secret }),
        _ => {
            let problem = "a bucket is not open to everyone".to_owned();
            sources.fault("s3_access_key_id", Source::Default, problem, "it, and 's3_secret_access_key'");
            None
        }
    };
    let folder = folder.trim_matches('/').to_owned();
    Settings::S3(Box::new(S3 { bucket: bucket.to_owned(), folder, region, endpoint, credentials }))
}
