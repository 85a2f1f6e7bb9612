//! Reads the limits for clients that apply before their caller is known.

use std::path::PathBuf;
use std::time::Duration;

use crate::api::http::connections::Settings;
use crate::api::http::payload::{Limits, PAUSE};
use crate::api::http::tls::{self, Clients, Demanded, Tls};
use crate::capture::SEALED_BYTES_MAX;
use crate::config::source::{Sources, plain};
use crate::config::table;
use crate::service::turns;

pub fn connections(sources: &mut Sources) -> Settings {
    let default = Settings::default();
    let connections_max = sources.plain(&table::CONNECTIONS_MAX, default.connections_max);
    let per_address_max = sources.plain(&table::CONNECTIONS_PER_ADDRESS_MAX, default.per_address_max);
    let mut seconds = |setting, default: Duration| Duration::from_secs(sources.plain(setting, default.as_secs()));
    let head = seconds(&table::HEAD_SECONDS, default.head);
    let idle = seconds(&table::IDLE_SECONDS, default.idle);
    let proxies = sources.optional(&table::TRUSTED_PROXIES, plain, ToString::to_string).unwrap_or_default();
    Settings { connections_max, per_address_max, proxies, head, idle }
}

/// Reads the settings of TLS, if there is a certificate. It opens the files too, so that a fault in them is reported as
/// one of the configuration.
pub fn tls(sources: &mut Sources) -> Option<tls::Settings> {
    let mut file = |setting| sources.optional(setting, plain::<String>, Clone::clone).map(PathBuf::from);
    let (certificate, key) = (file(&table::TLS_CERTIFICATE_FILE), file(&table::TLS_KEY_FILE));
    let issuers = file(&table::TLS_CLIENT_CA_FILE);
    let demanded = sources.plain(&table::TLS_CLIENTS, Demanded::default());
    for (setting, needed) in [
        (&table::TLS_CERTIFICATE_FILE, &table::TLS_KEY_FILE),
        (&table::TLS_KEY_FILE, &table::TLS_CERTIFICATE_FILE),
        (&table::TLS_CLIENT_CA_FILE, &table::TLS_CERTIFICATE_FILE),
        (&table::TLS_CLIENTS, &table::TLS_CLIENT_CA_FILE),
    ] {
        if sources.is_given(setting) && !sources.is_given(needed) {
            sources.lonely(setting, sources.source(setting), needed);
        }
    }
    let (certificate, key) = certificate.zip(key)?;
    let settings = tls::Settings { certificate, key, clients: issuers.map(|issuers| Clients { issuers, demanded }) };
    if let Err(error) = Tls::open(settings.clone()) {
        let setting = &table::TLS_CERTIFICATE_FILE;
        sources.refuse(setting, sources.source(setting), error.to_string());
    }
    Some(settings)
}

pub fn bodies(sources: &mut Sources) -> Limits {
    let pause = sources.plain(&table::BODY_PAUSE_SECONDS, PAUSE.as_secs());
    let image_bytes_max = sources.plain(&table::IMAGE_BYTES_MAX, 10 << 20);
    Limits { pause: Duration::from_secs(pause), ..Limits::of_images(image_bytes_max) }
}

/// One provider may take half of these bytes, and the largest body must fit into that half.
pub fn request_bytes_max(sources: &mut Sources, bodies: &Limits) -> usize {
    let largest = bodies.body_bytes.max(SEALED_BYTES_MAX);
    let default = turns::Settings::default().bytes_max.max(4 * largest);
    let bytes_max = sources.plain(&table::REQUEST_BYTES_MAX, default);
    if bytes_max / turns::SHARE < largest {
        let problem =
            format!("a body can have {largest} bytes, and at least {} times as many are needed", turns::SHARE);
        sources.fault("request_bytes_max", sources.source(&table::REQUEST_BYTES_MAX), problem, "");
    }
    bytes_max
}
