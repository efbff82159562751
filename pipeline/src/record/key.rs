//! The key of a record: made on the device at the first start, and never copied from it by this program.
//!
//! **Invariant.** A secret key comes into the world whole: its file appears under its name when all of it is on the disk, and
//! takes no other's place. In memory it is wiped when it is dropped, and nothing prints it.
//!
//! Files hold one line each: `frostglass-record-secret-1`, or `frostglass-record-public-1`, a blank, and 64 hexadecimal digits:
//! the seed of Ed25519, or the public key.

use std::fmt;
use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rustix::rand::{GetRandomFlags, getrandom};
use zeroize::Zeroizing;

use super::place::Place;
use super::{RecordError, from_hex, hex, read_hex};

/// Signs lines.
pub(crate) struct Key {
    signing: SigningKey,
    public: PublicKey,
}

/// Proves lines. Written as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey(VerifyingKey);

const SECRET: &str = "frostglass-record-secret-1 ";
const PUBLIC: &str = "frostglass-record-public-1 ";
const BYTES: usize = 32;
/// Of either file: the word, the digits, a line feed.
const FILE_BYTES: usize = SECRET.len() + 2 * BYTES + 1;

impl Key {
    /// The key that lies beside a record; `None` when there is none.
    ///
    /// # Errors
    /// When others can have read it, or it is no key, or its public half is another's.
    pub(super) fn read(place: &Place) -> Result<Option<Self>, RecordError> {
        let Some(file) = place.open_key()? else { return Ok(None) };
        let no_key = |why| RecordError::NoKey { path: place.key.clone(), why, log: place.log.clone() };
        let text = contents(file).map_err(RecordError::io("reading the key of the record", &place.key))?;
        let seed = digits(&text, SECRET).map_err(no_key)?;
        let key = Self::of_seed(&seed);
        if let Some(file) = place.open_public()? {
            let text = contents(file).map_err(RecordError::io("reading the public key", &place.public))?;
            let public = digits(&text, PUBLIC).ok().and_then(|bytes| PublicKey::of(&bytes));
            if public != Some(key.public) {
                return Err(RecordError::OtherKey { other: place.public.clone(), key: place.key.clone() });
            }
        }
        Ok(Some(key))
    }

    /// Makes one of the system's random numbers, and both of its files.
    pub(super) fn make(place: &Place) -> Result<Self, RecordError> {
        let mut seed = Zeroizing::new([0; BYTES]);
        let drawn = getrandom(&mut *seed, GetRandomFlags::empty());
        if !drawn.is_ok_and(|count| count == BYTES) {
            let source = io::Error::other("the system gave no random numbers");
            return Err(RecordError::io("making the key of the record", &place.key)(source));
        }
        let key = Self::of_seed(&seed);
        let mut text = Zeroizing::new(Vec::with_capacity(FILE_BYTES));
        text.extend_from_slice(SECRET.as_bytes());
        for byte in seed.iter() {
            text.extend_from_slice(Zeroizing::new(format!("{byte:02x}")).as_bytes());
        }
        text.push(b'\n');
        appear(place, &place.key, &text, 0o600).map_err(RecordError::io("making the key of the record", &place.key))?;
        key.show(place)?;
        place.keep_names()?;
        Ok(key)
    }

    /// Makes the file of the public half, if it is not there.
    pub(super) fn show(&self, place: &Place) -> Result<(), RecordError> {
        if place.public.exists() {
            return Ok(());
        }
        match appear(place, &place.public, format!("{PUBLIC}{}\n", self.public).as_bytes(), 0o644) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(RecordError::io("making the public key", &place.public)(error))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.signing.sign(bytes).to_bytes()
    }

    pub(super) fn of_seed(seed: &[u8; BYTES]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let public = PublicKey(signing.verifying_key());
        Self { signing, public }
    }
}

impl PublicKey {
    /// From 64 hexadecimal digits.
    pub(crate) fn from_digits(digits: &str) -> Option<Self> {
        Self::of(&from_hex(digits.as_bytes())?)
    }

    /// From a file that was written beside a record.
    ///
    /// # Errors
    /// When it can not be read, or holds no such key.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let none = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        let bytes = digits(&contents(File::open(path)?)?, PUBLIC).map_err(none)?;
        Self::of(&bytes).ok_or_else(|| none("its digits are no key"))
    }

    /// Points of small order are no keys: almost any signature would fit them.
    fn of(bytes: &[u8; BYTES]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak()).map(Self)
    }

    pub(super) fn signed(&self, bytes: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(bytes, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(self.0.as_bytes()))
    }
}

/// All that is in a small file, and a byte more of one that is too long.
fn contents(file: File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_BYTES + 1));
    file.take(FILE_BYTES as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

fn digits(text: &[u8], word: &str) -> Result<Zeroizing<[u8; BYTES]>, &'static str> {
    if text.is_empty() {
        return Err("the file is empty");
    }
    let Some(rest) = text.strip_prefix(word.as_bytes()) else { return Err("it begins otherwise") };
    let Some(digits) = rest.strip_suffix(b"\n") else { return Err("its end is missing") };
    let mut bytes = Zeroizing::new([0; BYTES]);
    read_hex(digits, &mut *bytes).ok_or("it does not hold 64 hexadecimal digits")?;
    Ok(bytes)
}

/// Lets a file appear under its name when it is whole and on the disk; one that is there stays.
fn appear(place: &Place, path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".frostglass-").tempfile_in(place.folder())?;
    file.write_all(text)?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|refused| refused.error)?;
    Ok(())
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
