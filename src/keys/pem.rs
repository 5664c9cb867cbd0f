//! Parses the PEM public key of an instance, in the forms in which environment variables hold it.

use aws_lc_rs::rsa::PublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::{KeyError, VerificationKey};

/// Why a text is not a public key of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PemError {
    #[error("it is a private key; use the public key of the Clerk dashboard")]
    Private,
    #[error("it is neither PEM nor base64 of a public key")]
    Encoding,
    #[error("{0}")]
    Key(#[from] KeyError),
}

/// Parses a key. Accepts PEM with or without its header lines, with real or escaped (`\n`) line breaks
/// or none at all, and such a PEM encoded in base64 once more.
pub(crate) fn parse(text: &str) -> Result<VerificationKey, PemError> {
    let text = text.trim().trim_matches(['"', '\'']).replace("\\n", "\n");
    if let Some(body) = body(&text)? {
        return from_der(&decode(body)?);
    }
    let decoded = decode(&text)?;
    if decoded.is_empty() {
        return Err(PemError::Encoding);
    }
    match std::str::from_utf8(&decoded)
        .ok()
        .map(body)
        .transpose()?
        .flatten()
    {
        Some(body) => from_der(&decode(body)?),
        None => from_der(&decoded),
    }
}

/// Returns the text between the header and the footer line, or `None` if there are no such lines.
fn body(text: &str) -> Result<Option<&str>, PemError> {
    let Some((_, rest)) = text.split_once("-----BEGIN ") else {
        return Ok(None);
    };
    let (label, rest) = rest.split_once("-----").ok_or(PemError::Encoding)?;
    let (body, _) = rest.split_once("-----END ").ok_or(PemError::Encoding)?;
    match label {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => Ok(Some(body)),
        label if label.ends_with("PRIVATE KEY") => Err(PemError::Private),
        _ => Err(PemError::Encoding),
    }
}

fn decode(base64: &str) -> Result<Vec<u8>, PemError> {
    let compact: String = base64.split_whitespace().collect();
    STANDARD.decode(compact).map_err(|_| PemError::Encoding)
}

fn from_der(der: &[u8]) -> Result<VerificationKey, PemError> {
    let key = PublicKey::from_der(der).map_err(|_| KeyError::NotRsa)?;
    let (n, e) = (key.modulus(), key.exponent());
    Ok(VerificationKey::new(
        n.big_endian_without_leading_zero(),
        e.big_endian_without_leading_zero(),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::KeyPair as _;

    fn spki() -> Vec<u8> {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        pair.public_key().as_der().unwrap().as_ref().to_vec()
    }

    #[test]
    fn rule_7_a_pem_is_read_in_every_spelling() {
        let der = spki();
        let base64 = STANDARD.encode(&der);
        let lines = base64
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap());
        let wrapped = lines.collect::<Vec<_>>().join("\n");
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{wrapped}\n-----END PUBLIC KEY-----\n");
        let spellings = [
            pem.clone(),
            pem.replace('\n', "\r\n"),
            pem.replace('\n', "\\n"),
            pem.replace('\n', " "),
            format!("\"{}\"", pem.replace('\n', "\\n")),
            wrapped,
            base64,
            STANDARD.encode(&pem),
        ];
        for text in spellings {
            assert_eq!(parse(&text), Ok(from_der(&der).unwrap()), "{text}");
        }
    }

    #[test]
    fn rule_7_anything_else_is_refused_with_its_reason() {
        let private = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
        assert_eq!(parse(private), Err(PemError::Private));
        for text in ["", "sk_test_abc", "-----BEGIN PUBLIC KEY-----", "{}"] {
            assert_eq!(parse(text), Err(PemError::Encoding), "{text}");
        }
        assert_eq!(parse("AAAA"), Err(PemError::Key(KeyError::NotRsa)));
    }
}
