//! Reads the places of the database and of images.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::config::source::{Source, Sources, plain};
use crate::config::{table, value};
use crate::media::{Credentials, S3, Settings};
use crate::seal::vault;
use crate::store::postgres::Bounds;
use crate::store::settings;

/// The default region, which stores without regions accept.
const REGION: &str = "us-east-1";
/// The length of bucket names at Amazon; other stores allow no more.
const BUCKET_CHARS: std::ops::RangeInclusive<usize> = 3..=63;

pub fn store(sources: &mut Sources, data: &Path) -> settings::Settings {
    let default = settings::Settings::Sqlite(data.join("bioserver.db"));
    sources.show(&table::DATABASE_URL, default.to_string(), Source::Default);
    let given = sources.secret(&table::DATABASE_URL);
    let bounds = bounds(sources);
    let Some((text, source)) = given else { return default };
    match text.expose_secret().parse::<settings::Settings>() {
        Ok(settings) => {
            sources.show(&table::DATABASE_URL, settings.to_string(), source);
            settings.within(bounds)
        }
        Err(problem) => {
            sources.refuse(&table::DATABASE_URL, source, problem);
            default
        }
    }
}

fn bounds(sources: &mut Sources) -> Bounds {
    let default = Bounds::default();
    let connections = sources.plain(&table::DATABASE_CONNECTIONS, default.connections);
    let mut milliseconds =
        |setting, default: Duration| Duration::from_millis(sources.plain(setting, default.as_millis() as u64));
    let connect = milliseconds(&table::DATABASE_CONNECT_MS, default.connect);
    let statement = milliseconds(&table::DATABASE_STATEMENT_MS, default.statement);
    let lock = milliseconds(&table::DATABASE_LOCK_MS, default.lock);
    let idle = milliseconds(&table::DATABASE_IDLE_MS, default.idle);
    let keepalive = sources.plain(&table::DATABASE_KEEPALIVE_SECONDS, default.keepalive.as_secs());
    Bounds { connections, connect, statement, lock, idle, keepalive: Duration::from_secs(keepalive) }
}

pub fn media(sources: &mut Sources, data: &Path) -> Settings {
    let default = data.join("media").display().to_string();
    let place = sources.plain(&table::MEDIA, default);
    let region = sources.plain(&table::S3_REGION, REGION.to_owned());
    let endpoint = sources.optional(&table::S3_ENDPOINT, value::endpoint, Clone::clone);
    let id = sources.optional(&table::S3_ACCESS_KEY_ID, plain::<String>, Clone::clone);
    sources.show(&table::S3_SECRET_ACCESS_KEY, "none".to_owned(), Source::Default);
    let secret = sources.secret(&table::S3_SECRET_ACCESS_KEY).map(|(secret, source)| {
        sources.show_secret(&table::S3_SECRET_ACCESS_KEY, source);
        secret
    });
    let Some(bucket) = place.strip_prefix("s3://") else {
        lonely(sources, &place);
        return Settings::Folder(PathBuf::from(place));
    };
    let (bucket, folder) = bucket.split_once('/').unwrap_or((bucket, ""));
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if !BUCKET_CHARS.contains(&bucket.len()) || !bucket.chars().all(is_good) {
        sources.refuse(
            &table::MEDIA,
            sources.source(&table::MEDIA),
            format!("'{bucket}' is not a valid name of a bucket"),
        );
    }
    for (setting, is_missing) in
        [(&table::S3_ACCESS_KEY_ID, id.is_none()), (&table::S3_SECRET_ACCESS_KEY, secret.is_none())]
    {
        if is_missing {
            sources.refuse(setting, Source::Default, format!("it is required for the bucket of '{place}'"));
        }
    }
    let credentials = id.zip(secret).map(|(id, secret)| Credentials { id, secret });
    let folder = folder.trim_matches('/').to_owned();
    Settings::S3(Box::new(S3 { bucket: bucket.to_owned(), folder, region, endpoint, credentials }))
}

pub fn vault(sources: &mut Sources) -> Option<vault::Settings> {
    let read = |text: &str| Ok((text.to_owned(), vault::Place::parse(text).map_err(|error| error.to_string())?));
    let place = sources.optional(&table::KEY_VAULT, read, |(text, _): &(String, _)| text.clone());
    sources.show(&table::KEY_VAULT_TOKEN, "none".to_owned(), Source::Default);
    let token = sources.secret(&table::KEY_VAULT_TOKEN);
    let Some((_, place)) = place else {
        if let Some((_, source)) = token {
            sources.lonely(&table::KEY_VAULT_TOKEN, source, &table::KEY_VAULT);
        }
        return None;
    };
    let token = token.map(|(token, source)| {
        sources.show_secret(&table::KEY_VAULT_TOKEN, source);
        token
    });
    Some(vault::Settings::new(place, token))
}

/// Notes settings of a bucket that are given although `media` is a folder.
fn lonely(sources: &mut Sources, place: &str) {
    if place.is_empty() || place.contains("://") {
        sources.refuse(
            &table::MEDIA,
            sources.source(&table::MEDIA),
            format!("'{place}' is neither a folder nor a bucket"),
        );
        return;
    }
    for setting in [&table::S3_REGION, &table::S3_ENDPOINT, &table::S3_ACCESS_KEY_ID, &table::S3_SECRET_ACCESS_KEY] {
        let source = sources.source(setting);
        if source != Source::Default {
            sources.fault(
                setting.name,
                source,
                format!("'media' is the folder {place}"),
                "a 'media' that begins with s3://",
            );
        }
    }
}
