//! Credentials of a client.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_nats::{Auth, AuthError, ConnectOptions};
use driver_events_core::SetupError;
use nkeys::KeyPair;

use super::monitor::Monitor;

#[derive(Clone, Default)]
pub(super) enum Credentials {
    #[default]
    None,
    UserAndPassword {
        user: String,
        password: String,
    },
    Token(String),
    NkeySeed(String),
    File(PathBuf),
}

impl Credentials {
    /// Validates the credentials without a server, and creates connect options with them.
    ///
    /// A credentials file is read again at every connect, so that a replaced file is used.
    pub(super) async fn into_options(self, monitor: &Arc<Monitor>) -> Result<ConnectOptions, SetupError> {
        match self {
            Self::None => Ok(ConnectOptions::new()),
            Self::UserAndPassword { user, password } => Ok(ConnectOptions::with_user_and_password(user, password)),
            Self::Token(token) => Ok(ConnectOptions::with_token(token)),
            Self::NkeySeed(seed) => {
                let seed = seed.trim();
                KeyPair::from_seed(seed)
                    .map_err(|error| SetupError::invalid("invalid NKey seed").with_source(error))?;
                Ok(ConnectOptions::with_nkey(seed.to_owned()))
            }
            Self::File(path) => {
                read_file(path.clone()).await?;
                let monitor = Arc::clone(monitor);
                Ok(ConnectOptions::with_auth_callback(move |nonce| {
                    sign_with_file(path.clone(), nonce, Arc::clone(&monitor))
                }))
            }
        }
    }
}

/// Shows the kind of the credentials and hides secrets.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::UserAndPassword { user, .. } => write!(f, "UserAndPassword({user:?}, ..)"),
            Self::Token(_) => f.write_str("Token(..)"),
            Self::NkeySeed(_) => f.write_str("NkeySeed(..)"),
            Self::File(path) => write!(f, "File({path:?})"),
        }
    }
}

/// Content of a credentials file.
struct UserCredentials {
    jwt: String,
    key_pair: KeyPair,
}

async fn sign_with_file(path: PathBuf, nonce: Vec<u8>, monitor: Arc<Monitor>) -> Result<Auth, AuthError> {
    let signed = match read_file(path).await {
        Ok(credentials) => match credentials.key_pair.sign(&nonce) {
            Ok(signature) => Ok((credentials.jwt, signature)),
            Err(error) => {
                Err(SetupError::invalid("cannot sign with the seed of the credentials file").with_source(error))
            }
        },
        Err(error) => Err(error),
    };
    match signed {
        Ok((jwt, signature)) => {
            let mut auth = Auth::new();
            auth.jwt = Some(jwt);
            auth.signature = Some(signature);
            Ok(auth)
        }
        Err(error) => {
            monitor.set_auth_error(error.to_string());
            Err(AuthError::new(error))
        }
    }
}

async fn read_file(path: PathBuf) -> Result<UserCredentials, SetupError> {
    let shown = path.display().to_string();
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path));
    let text = read
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|error| {
            SetupError::invalid(format!("cannot read the credentials file `{shown}`")).with_source(error)
        })?;
    parse_file(&text).ok_or_else(|| {
        SetupError::invalid(format!(
            "invalid credentials file `{shown}`: expected a user JWT and an NKey seed, each below its heading"
        ))
    })
}

/// Takes the first line below each of the two headings:
///
/// ```text
/// -----BEGIN NATS USER JWT-----
/// eyJ0eXAiOiJKV1Qi…
/// ------END NATS USER JWT------
/// ```
fn parse_file(text: &str) -> Option<UserCredentials> {
    let mut lines = text.lines().map(str::trim);
    let mut below = |heading: &str| {
        lines.find(|line| line.starts_with("---") && line.contains(heading))?;
        lines.find(|line| !line.is_empty())
    };
    let jwt = below("BEGIN NATS USER JWT")?.to_owned();
    let key_pair = KeyPair::from_seed(below("BEGIN USER NKEY SEED")?).ok()?;
    Some(UserCredentials { jwt, key_pair })
}

#[cfg(test)]
mod tests {
    use nkeys::KeyPair;

    use super::{Credentials, parse_file};

    #[test]
    fn a_credentials_file_has_jwt_and_seed() {
        let seed = KeyPair::new_user().seed().unwrap();
        let text = format!(
            "-----BEGIN NATS USER JWT-----\r\neyJ0.e30.c2ln\r\n------END NATS USER JWT------\r\n\r\n\
             ************************* IMPORTANT *************************\r\n\
             -----BEGIN USER NKEY SEED-----\r\n{seed}\r\n------END USER NKEY SEED------\r\n"
        );
        assert_eq!(parse_file(&text).unwrap().jwt, "eyJ0.e30.c2ln");
        assert!(parse_file(&text.replace(&seed, "SUAnothing")).is_none());
        assert!(parse_file("eyJ0.e30.c2ln").is_none());
    }

    #[test]
    fn debug_hides_secrets() {
        let all = [
            Credentials::UserAndPassword {
                user: "ada".into(),
                password: "s3cret".into(),
            },
            Credentials::Token("s3cret".into()),
            Credentials::NkeySeed("s3cret".into()),
        ];
        assert!(!format!("{all:?}").contains("s3cret"));
    }
}
