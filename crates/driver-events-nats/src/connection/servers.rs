//! Server URLs and the credentials in them.

use async_nats::ServerAddr;
use driver_events_core::{SetupError, redacted_url};

use super::credentials::Credentials;
use crate::wire::percent;

/// Parses server URLs and moves the credentials out of them: the client logs URLs.
pub(super) fn parse(servers: &[String]) -> Result<(Vec<ServerAddr>, Credentials), SetupError> {
    let mut parsed = Vec::with_capacity(servers.len());
    let mut users: Vec<(String, Option<String>)> = Vec::new();
    for server in servers {
        let invalid = |why: &str| SetupError::invalid(format!("invalid NATS server `{}`: {why}", redacted_url(server)));
        // These errors do not quote the URL.
        let mut url = server
            .parse::<ServerAddr>()
            .map_err(|error| invalid(&error.to_string()))?
            .into_inner();
        if !matches!(url.scheme(), "nats" | "tls") {
            return Err(invalid("the scheme must be `nats://` or `tls://`"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(invalid("missing host"));
        }
        let has_empty_password = has_empty_password(server);
        if !url.username().is_empty() || url.password().is_some() {
            let decode = |text: &str| percent::decode(text).map(String::from);
            let user = decode(url.username()).ok_or_else(|| invalid("the user is not valid UTF-8"))?;
            let password = match url.password() {
                Some(password) => Some(decode(password).ok_or_else(|| invalid("the password is not valid UTF-8"))?),
                None => has_empty_password.then(String::new),
            };
            if !users.contains(&(user.clone(), password.clone())) {
                users.push((user, password));
            }
            if url.set_username("").is_err() || url.set_password(None).is_err() {
                return Err(invalid("missing host"));
            }
        }
        parsed.push(ServerAddr::from_url(url).map_err(|error| invalid(&error.to_string()))?);
    }
    let credentials = match (users.pop(), users.is_empty()) {
        (Some(_), false) => return Err(SetupError::invalid("server URLs with different credentials")),
        (Some((user, Some(password))), true) => Credentials::UserAndPassword { user, password },
        (Some((token, None)), true) => Credentials::Token(token),
        (None, _) => Credentials::None,
    };
    Ok((parsed, credentials))
}

/// Returns whether the URL has a user with an empty password, `USER:@`, which the URL parser drops.
fn has_empty_password(server: &str) -> bool {
    let authority = server.split_once("://").map_or(server, |(_, rest)| rest);
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    user.and_then(|user| user.strip_suffix(':'))
        .is_some_and(|user| !user.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::{Credentials, parse};

    fn parsed(servers: &[&str]) -> Result<(Vec<String>, Credentials), String> {
        let servers: Vec<String> = servers.iter().copied().map(String::from).collect();
        match parse(&servers) {
            Ok((servers, credentials)) => {
                let shown = servers.iter().map(|server| server.as_url_str().to_owned()).collect();
                Ok((shown, credentials))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn userinfo_of_urls_becomes_credentials() {
        let (servers, credentials) = parsed(&["nats://ada:p%40ss@h:4222", "nats://ada:p%40ss@i"]).unwrap();
        assert_eq!(servers, ["nats://h:4222", "nats://i"]);
        assert!(
            matches!(credentials, Credentials::UserAndPassword { user, password } if user == "ada" && password == "p@ss")
        );
        let (servers, credentials) = parsed(&["tok3n@localhost"]).unwrap();
        assert_eq!(servers, ["nats://localhost"]);
        assert!(matches!(credentials, Credentials::Token(token) if token == "tok3n"));
        let (_, credentials) = parsed(&["nats://ada:@h"]).unwrap();
        assert!(
            matches!(credentials, Credentials::UserAndPassword { user, password } if user == "ada" && password.is_empty())
        );
        assert!(parsed(&["nats://a:b@h", "nats://c:d@i"]).is_err());
    }

    #[test]
    fn errors_for_invalid_urls_hide_secrets() {
        for server in [
            "http://ada:s3cret@h",
            "ws://ada:s3cret@h",
            "nats://ada:s3cret@",
            "nats://ada:s3cret@h:port",
            "nats://ada:s3cret@h:99999999",
            "nats://",
        ] {
            let error = parsed(&[server]).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
