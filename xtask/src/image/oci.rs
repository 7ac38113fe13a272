//! The parts of an OCI image: blobs by their digest, layers, and the archive that has them all.
//!
//! What goes in decides every byte that comes out: entries have one order, one owner and one time.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::failure::Result;

pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// A file of a layer.
pub(super) struct File<'a> {
    /// Without a leading slash.
    pub(super) path: &'a str,
    pub(super) mode: u32,
    pub(super) content: &'a [u8],
}

/// A layer as a manifest names it, and as a configuration does.
pub(super) struct Layer {
    pub(super) descriptor: Value,
    pub(super) diff_id: String,
}

/// Blobs by their digest.
#[derive(Default)]
pub(super) struct Blobs(BTreeMap<String, Vec<u8>>);

impl Blobs {
    /// Takes a blob, and gives its descriptor.
    pub(super) fn add(&mut self, media_type: &str, content: Vec<u8>) -> Value {
        let hash = hash(&content);
        let descriptor = json!({
            "mediaType": media_type,
            "digest": format!("sha256:{hash}"),
            "size": content.len(),
        });
        self.0.insert(hash, content);
        descriptor
    }

    pub(super) fn add_json(&mut self, media_type: &str, content: &Value) -> Value {
        self.add(media_type, content.to_string().into_bytes())
    }

    /// Takes files as a layer, with the directories above them.
    pub(super) fn add_layer(&mut self, files: &[File], seconds: u64) -> Result<Layer> {
        let archive = tar(files, seconds)?;
        let diff_id = format!("sha256:{}", hash(&archive));
        let mut gzip = GzBuilder::new().write(Vec::new(), Compression::default());
        gzip.write_all(&archive)?;
        let descriptor = self.add(LAYER, gzip.finish()?);
        Ok(Layer {
            descriptor,
            diff_id,
        })
    }

    /// Takes a document about a manifest, as an artefact that refers to it. An index lists it beside the images, as one
    /// for no machine.
    pub(super) fn add_artefact(&mut self, about: &Value, media_type: &str, text: String) -> Value {
        let config = self.add(EMPTY, b"{}".to_vec());
        let layer = self.add(media_type, text.into_bytes());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": media_type,
            "config": config,
            "layers": [layer],
            "subject": about,
        });
        let mut descriptor = self.add_json(MANIFEST, &manifest);
        descriptor["artifactType"] = media_type.into();
        descriptor["platform"] = json!({"architecture": "unknown", "os": "unknown"});
        descriptor
    }

    /// The archive of an OCI layout: these blobs, and the descriptors with which a reader begins.
    pub(super) fn archive(
        &self,
        manifests: &[Value],
        docker: &Value,
        seconds: u64,
    ) -> Result<Vec<u8>> {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        let index = index.to_string();
        let docker = docker.to_string();
        let file = |path, content| File {
            path,
            mode: 0o644,
            content,
        };
        let blobs: Vec<_> = self
            .0
            .iter()
            .map(|(hash, content)| (format!("blobs/sha256/{hash}"), content))
            .collect();
        let mut files = vec![
            file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#),
            file("index.json", index.as_bytes()),
            file("manifest.json", docker.as_bytes()),
        ];
        files.extend(blobs.iter().map(|(path, content)| file(path, content)));
        tar(&files, seconds)
    }
}

/// The path of a blob within the archive.
pub(super) fn blob_path(descriptor: &Value) -> String {
    let digest = descriptor["digest"].as_str().unwrap_or_default();
    format!("blobs/{}", digest.replace(':', "/"))
}

fn tar(files: &[File], seconds: u64) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut made: Vec<&str> = Vec::new();
    for file in files {
        let parents = file
            .path
            .match_indices('/')
            .map(|(end, _)| &file.path[..end]);
        for parent in parents {
            if !made.contains(&parent) {
                made.push(parent);
                let kind = tar::EntryType::Directory;
                append(
                    &mut archive,
                    &format!("{parent}/"),
                    kind,
                    0o755,
                    &[],
                    seconds,
                )?;
            }
        }
        let kind = tar::EntryType::Regular;
        append(
            &mut archive,
            file.path,
            kind,
            file.mode,
            file.content,
            seconds,
        )?;
    }
    Ok(archive.into_inner()?)
}

fn append(
    archive: &mut tar::Builder<Vec<u8>>,
    path: &str,
    kind: tar::EntryType,
    mode: u32,
    content: &[u8],
    seconds: u64,
) -> Result<()> {
    // Such a header has nothing of the machine on which it is made; owner and group are root.
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(seconds);
    header.set_size(content.len() as u64);
    Ok(archive.append_data(&mut header, path, content)?)
}

fn hash(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_named_by_its_content() {
        let mut blobs = Blobs::default();
        let descriptor = blobs.add(EMPTY, b"{}".to_vec());
        // As the specification gives it.
        let known = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(descriptor["digest"], known);
        assert_eq!(descriptor["size"], 2);
    }

    #[test]
    fn a_layer_says_nothing_of_the_machine_that_made_it() {
        let file = File {
            path: "etc/ssl/cert.pem",
            mode: 0o644,
            content: b"x",
        };
        let archive = tar(&[file], 1_700_000_000).unwrap();
        let mut archive = tar::Archive::new(&*archive);
        let entries: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                assert_eq!(header.mtime().unwrap(), 1_700_000_000);
                assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
                let path = entry.path().unwrap().display().to_string();
                (path, header.mode().unwrap())
            })
            .collect();
        let directory = |path: &str| (path.to_owned(), 0o755);
        let file = ("etc/ssl/cert.pem".to_owned(), 0o644);
        assert_eq!(entries, [directory("etc/"), directory("etc/ssl/"), file]);
    }
}
