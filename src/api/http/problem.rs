//! The table from errors to answers: it alone decides what a client learns of an error.

use std::fmt;
use std::time::Duration;

use poem::error::{MethodNotAllowedError, NotFoundError, ResponseError};
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::error::{ContentTypeError, ParseParamError};
use uuid::Uuid;

use crate::api::types::{ApiError, HealthCheck};
use crate::api::wire::{Invalid, Wire};
use crate::seal::vault;
use crate::{capture, media, service, store};

/// The code of a refusal, attached to its response.
#[derive(Debug, Clone, Copy)]
pub struct Refused(pub &'static str);

/// A refusal as the client receives it.
#[derive(Debug)]
pub struct Problem {
    pub status: StatusCode,
    /// A word that never changes.
    pub code: &'static str,
    /// The fault, and the remedy.
    pub message: String,
    /// Stands in the answer and in the log.
    pub id: Uuid,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The parts that were checked, if one of them is the reason.
    pub checks: Option<Box<[HealthCheck]>>,
    /// A cause for the log; the client never sees it.
    cause: Option<Box<str>>,
}

/// The challenge of a 401. It does not offer `Basic`: browsers would ask the user for a password.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"bioserver\"");
/// `Retry-After` while a dependency is away: a restart or a fail-over of a database takes some seconds.
const OUTAGE: Duration = Duration::from_secs(2);

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            id: Uuid::new_v4(),
            headers: Vec::new(),
            checks: None,
            cause: None,
        }
    }

    /// A failure of the server. The client learns only the id under which the log says more.
    pub fn internal(cause: impl Into<Box<str>>) -> Self {
        let message = "The server failed. Its log has the reason under this id.";
        let problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message);
        Self { cause: Some(cause.into()), ..problem }
    }

    pub fn unauthorized() -> Self {
        let message = "A valid key is needed. Send it in the header apikey, or as Authorization: Bearer KEY.";
        let problem = Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message);
        problem.with(header::WWW_AUTHENTICATE, CHALLENGE)
    }

    /// A provider's key on a connection whose client has to present a certificate.
    pub fn no_certificate() -> Self {
        let message = "This server accepts a key only on a connection with a client certificate (mutual TLS). Connect with a certificate.";
        Self { message: message.to_owned(), ..Self::unauthorized() }
    }

    /// A parameter, a part or a member that is not valid.
    pub fn invalid(invalid: &Invalid) -> Self {
        Self::new(StatusCode::BAD_REQUEST, invalid.code.unwrap_or("INVALID_PARAMETER"), invalid.to_string())
    }

    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "MALFORMED_BODY", message)
    }

    /// A head that breaks the rules of HTTP.
    pub fn malformed_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "MALFORMED_REQUEST", message)
    }

    /// `what` names the body, or one of its parts.
    pub fn too_large(what: &str, bytes_max: usize) -> Self {
        let message = format!("{what}: is larger than {bytes_max} bytes. Send less.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", message)
    }

    /// A body that pauses for longer than `pause_max`, or whose average pace is below `bytes_per_second`.
    pub fn too_slow(pause_max: Duration, bytes_per_second: u64) -> Self {
        let pause = pause_max.as_secs();
        let message = format!(
            "The body arrived too slowly: it may pause for {pause} s at most and must arrive at {bytes_per_second} bytes per second. Send it again."
        );
        Self::new(StatusCode::REQUEST_TIMEOUT, "BODY_TOO_SLOW", message)
    }

    pub fn unsupported(types: &[&str]) -> Self {
        let message = format!("Content-Type must be one of {}.", types.join(", "));
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
    }

    pub fn not_found() -> Self {
        let message = "This path does not exist. The document at /docs lists all paths.";
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    /// `allow` lists the methods of the path, as the header `Allow` does.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        let message = format!("This path accepts only {allow}.");
        let problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message);
        problem.with(header::ALLOW, HeaderValue::from_static(allow))
    }

    pub fn busy(retry_after: Duration) -> Self {
        Self::too_many("The server is busy.", retry_after)
    }

    fn too_many(why: &str, retry_after: Duration) -> Self {
        Self::later(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", why, retry_after)
    }

    /// A refusal that may no longer hold after `retry_after`.
    fn later(status: StatusCode, code: &'static str, why: &str, retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        let seconds = seconds.max(1);
        let message = format!("{why} Send the request again after {seconds} s.");
        Self::new(status, code, message).with(header::RETRY_AFTER, seconds.into())
    }

    /// A dependency of the server does not work now; `cause` goes to the log alone.
    fn unavailable(code: &'static str, why: &str, cause: String) -> Self {
        let problem = Self::later(StatusCode::SERVICE_UNAVAILABLE, code, why, OUTAGE);
        Self { cause: Some(cause.into()), ..problem }
    }

    /// The parts in `what` do not work now; `checks` has the details.
    pub fn not_ready(what: &str, checks: Vec<HealthCheck>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "NOT_READY", format!("Not ready: {what}."));
        Self { checks: Some(checks.into()), ..problem.with(header::RETRY_AFTER, OUTAGE.as_secs().into()) }
    }

    fn of_store(error: &store::Error) -> Self {
        let cause = format!("store: {error}");
        match error.outage() {
            Some(outage) => Self::unavailable("DATABASE_UNAVAILABLE", &format!("The database {outage}."), cause),
            None => Self::internal(cause),
        }
    }

    /// Every error of the media store means that it does not work now.
    fn of_media(error: &media::Error) -> Self {
        Self::unavailable("MEDIA_UNAVAILABLE", "The media storage is unavailable.", error.to_string())
    }

    /// The key vault does not work now, unless it refuses a wrapped key or lacks one: that is a fault of the server.
    fn of_vault(error: &vault::Error) -> Self {
        if matches!(error, vault::Error::Refused { status: 400, .. } | vault::Error::Missing) {
            return Self::internal(error.to_string());
        }
        Self::unavailable("KEY_VAULT_UNAVAILABLE", "The key vault is unavailable.", error.to_string())
    }

    #[must_use]
    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Returns the problem if the document names no such status for the operation: this is a fault of the server.
    #[must_use]
    pub fn undocumented(self) -> Self {
        if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            return self;
        }
        let cause = format!("undocumented answer {} {}: {}", self.status, self.code, self.message);
        Self { id: self.id, ..Self::internal(cause) }
    }

    /// Converts an error that the framework raised before the handler was called.
    pub fn of_framework(error: poem::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(problem) => return problem,
            Err(error) => error,
        };
        // The server itself reads parameters: see [`crate::api::http::parameter`]. The framework refuses only a missing
        // one.
        if let Some(ParseParamError { name, .. }) = error.downcast_ref() {
            return Self::invalid(&Invalid::new("is required").within(name));
        }
        if let Some(error) = error.downcast_ref::<ContentTypeError>() {
            return Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", format!("{error}."));
        }
        if error.is::<NotFoundError>() {
            return Self::not_found();
        }
        if error.is::<MethodNotAllowedError>() {
            return Self::of_status(StatusCode::METHOD_NOT_ALLOWED, "");
        }
        Self::of_status(error.status(), &error.to_string())
    }

    /// Makes a problem from a status alone; `cause` goes to the log alone.
    pub fn of_status(status: StatusCode, cause: &str) -> Self {
        let code = match status {
            StatusCode::BAD_REQUEST => "MALFORMED_REQUEST",
            StatusCode::UNAUTHORIZED => return Self::unauthorized(),
            StatusCode::FORBIDDEN => "FORBIDDEN",
            StatusCode::NOT_FOUND => return Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => "METHOD_NOT_ALLOWED",
            StatusCode::PAYLOAD_TOO_LARGE => "BODY_TOO_LARGE",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "UNSUPPORTED_MEDIA_TYPE",
            status if status.is_client_error() => "REFUSED",
            _ => return Self::internal(cause),
        };
        let reason = status.canonical_reason().unwrap_or("The request was refused");
        Self { cause: Some(cause.into()), ..Self::new(status, code, format!("{reason}.")) }
    }
}

/// The table has no wildcard arm: a new error does not compile until it has a line here.
impl From<service::Error> for Problem {
    fn from(error: service::Error) -> Self {
        use service::Error;
        let refused = |status, code, advice: &str| Self::new(status, code, advised(&error, advice));
        let bad = |code, advice| refused(StatusCode::BAD_REQUEST, code, advice);
        let conflict = |code, advice| refused(StatusCode::CONFLICT, code, advice);
        let not_found = |code, advice| refused(StatusCode::NOT_FOUND, code, advice);
        match error {
            Error::Unauthorized => Self::unauthorized(),
            Error::Forbidden(_) => {
                refused(StatusCode::FORBIDDEN, "FORBIDDEN", "Ask the operator for a key that has it.")
            }
            Error::Limited { retry_after, .. } => Self::too_many(&advised(&error, ""), retry_after),
            Error::Image { part, error } => Self::of_image(part, error),
            Error::TemplateVersion { .. } => bad("TEMPLATE_VERSION_MISMATCH", "Create the face again from its image."),
            Error::TemplateDamaged(_) => bad("TEMPLATE_INVALID", "Send it exactly as it was received."),
            Error::FaceNotVerified => bad(
                "FACE_NOT_VERIFIED",
                "Send the face exactly as it was received, with its signature, or send its image.",
            ),
            Error::SessionNotFound(_) => not_found("SESSION_NOT_FOUND", "It may have ended; open a new one."),
            Error::FaceNotFound(_) => not_found("FACE_NOT_FOUND", ""),
            Error::TooManyFaces(_) => conflict("TOO_MANY_FACES", "Delete some faces, or open another session."),
            Error::LightChallenge => Self::invalid(&Invalid::new(error.to_string()).within("lightChallenge")),
            Error::LivenessNotInitialized => {
                not_found("LIVENESS_NOT_INITIALIZED", "Send init-liveness-parameters first.")
            }
            Error::LivenessInProgress => conflict("REPLAY_IN_PROGRESS", "Wait for its result."),
            Error::NoAttemptLeft => conflict("NO_ATTEMPT_LEFT", "Begin another check."),
            Error::ReturnUrl => {
                bad("RETURN_URL_NOT_ALLOWED", "Ask the operator to add it with `bioserver providers origins`.")
            }
            Error::CaptureAlreadySent => conflict("CAPTURE_ALREADY_SENT", "Begin another check."),
            Error::CaptureTooLate => conflict("CAPTURE_TOO_LATE", "Begin another check."),
            Error::Capture(error) => Self::of_capture(&error),
            Error::Busy { retry_after } => Self::busy(retry_after),
            Error::IdempotencyKeyReused => {
                refused(StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED", "Send a new key.")
            }
            Error::TimeToLive { seconds, seconds_max } => {
                let expected = format!("must be at least 1 and at most {seconds_max}, not {seconds}");
                Self::invalid(&Invalid::new(expected).within("ttlSeconds"))
            }
            Error::CallbackUrl(why) => Self::invalid(&Invalid::new(why).within("callbackURL")),
            Error::IdempotencyKey(why) => Self::invalid(&Invalid::new(why).within("Idempotency-Key")),
            Error::Seal(error) => Self::internal(format!("seal: {error}")),
            Error::Media(error) => Self::of_media(&error),
            Error::Unrecorded(why) => {
                let why = format!("the audit log cannot be written: {why}");
                Self::unavailable("DATABASE_UNAVAILABLE", "The audit log cannot be written now.", why)
            }
            Error::Vault(error) => Self::of_vault(&error),
            Error::Failed(why) => Self::internal(why),
            Error::Store(error) => Self::of_store(&error),
            Error::Sign(error) => Self::internal(format!("sign: {error}")),
        }
    }
}

impl Problem {
    fn of_capture(error: &capture::Error) -> Self {
        use capture::Error;
        let (code, advice) = match error {
            Error::NotJwe(_) => ("CAPTURE_MALFORMED", "Send it exactly as it was encrypted"),
            Error::Algorithm(_) => ("CAPTURE_ALGORITHM", "Use ECDH-ES or RSA-OAEP-256, with A256GCM"),
            Error::UnknownKey => ("CAPTURE_KEY_UNKNOWN", "Encrypt it for a certificate of this check"),
            Error::NotDecrypted => {
                ("CAPTURE_NOT_DECRYPTED", "Encrypt it for a certificate of this check, and send it whole")
            }
            Error::NotCapture(_) => ("CAPTURE_INVALID", "See docs/capture.md"),
            Error::Version(_) => ("CAPTURE_VERSION", "Create it with this version"),
            Error::TooLarge => {
                let message = advised(error, "Send fewer or smaller frames.");
                return Self::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", message);
            }
            Error::Frames(_) => ("CAPTURE_FRAME_COUNT", "Send a number of frames within this range"),
            Error::TooLong(_) => ("CAPTURE_TOO_LONG", "Record a shorter film"),
            Error::OutOfOrder(_) => {
                ("CAPTURE_FRAMES_OUT_OF_ORDER", "Send the frames in the order in which they were taken")
            }
            Error::Frame(..) => ("CAPTURE_FRAME_INVALID", "Send frames as JPEG pictures"),
            Error::VideoType(_) => ("CAPTURE_VIDEO_TYPE", "Send video/webm or video/mp4, or no video"),
            Error::OtherCheck => ("CAPTURE_OF_ANOTHER_REPLAY", "Create a capture for this check"),
            Error::OtherRandom => ("CAPTURE_RANDOM_MISMATCH", "Create a capture for this check"),
            Error::OtherType(_) => ("CAPTURE_TYPE_MISMATCH", "Create a capture for this check"),
            Error::Lights(_) => ("CAPTURE_LIGHTS_INVALID", "See docs/capture.md"),
            Error::NoConsent(_) | Error::OtherConsent { .. } => {
                ("CAPTURE_CONSENT_NOT_CURRENT", "Let the person agree to the current text, and record again")
            }
            Error::Failed(why) => return Self::internal(*why),
        };
        Self::new(StatusCode::BAD_REQUEST, code, advised(error, &format!("{advice}.")))
    }

    /// `part` is the image's name in the request.
    fn of_image(part: &str, error: face::Error) -> Self {
        use face::Error;
        let bad = |code, message: String| Self::new(StatusCode::BAD_REQUEST, code, format!("{part}: {message}"));
        match error {
            Error::Undecodable(why) => bad(
                "UNDECODABLE_IMAGE",
                format!("cannot be read as an image ({why}). Send a whole JPEG, PNG, WebP or JPEG 2000 file."),
            ),
            Error::TooManyPixels { pixels, pixels_max } => bad(
                "IMAGE_TOO_LARGE",
                format!("has {pixels} pixels; at most {pixels_max} are accepted. Send a smaller image."),
            ),
            Error::TooNarrow { width, height } => {
                bad("NO_FACE", format!("is {width} x {height} pixels, too narrow to show a face. Send a photograph."))
            }
            Error::NoFace => {
                bad("NO_FACE", "no face was found. Send a photograph that shows one face from the front.".to_owned())
            }
            Error::MultipleFaces(count) => {
                bad("MULTIPLE_FACES", format!("{count} faces were found. Send a photograph that shows one person."))
            }
            Error::Busy { retry_after } => Self::busy(retry_after),
            Error::Failed(why) | Error::Device(why) => Self::internal(format!("networks: {why}")),
        }
    }
}

/// Returns the text of an error as a sentence, followed by the advice.
fn advised(error: &impl fmt::Display, advice: &str) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let sentence: String = first.chain(letters).collect();
    format!("{sentence}. {advice}").trim_end().to_owned()
}

/// A refusal is handled here, and so it is logged here: once, under the id that the client receives.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, code, message, id, headers, checks, cause } = self;
        let cause = cause.as_deref().unwrap_or_default();
        if status.is_server_error() {
            tracing::error!(%id, status = status.as_u16(), code, cause, "failed");
        } else {
            tracing::info!(%id, status = status.as_u16(), code, cause, "refused");
        }
        let body = ApiError { id, message, code: code.to_owned(), checks: checks.map(Vec::from) }.write().to_string();
        let mut response = Response::builder().status(status).content_type("application/json").body(body);
        response.headers_mut().extend(headers);
        response.set_data(Refused(code));
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.code, self.message)
    }
}

impl std::error::Error for Problem {}

/// An extractor may refuse with a problem; [`Problem::of_framework`] takes it out again.
impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.status
    }
}

#[cfg(test)]
mod tests;
