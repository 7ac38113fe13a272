//! The container image: the program and the certificates that it trusts, and nothing else. No container tool makes it.
//!
//! Its bill of materials and its provenance are artefacts that refer to it, in the same index.

mod oci;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::prelude::*;
use oci::{Blobs, File};

/// The account it runs as; a name for it is of no use without a shell.
const USER: &str = "10001:10001";
/// An image for use may not be larger.
pub(crate) const MAX_BYTES: usize = 30 << 20;
const PASSWD: &[u8] = b"support-chat:x:10001:10001::/:/nonexistent\n";
const GROUP: &[u8] = b"support-chat:x:10001:\n";
const SBOM: &str = "application/vnd.cyclonedx+json";
const PROVENANCE: &str = "application/vnd.in-toto+json";
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

/// What an image is made of.
pub(crate) struct Content<'a> {
    pub(crate) version: &'a str,
    /// What the program was compiled for, in the compiler's words.
    pub(crate) target: &'a str,
    pub(crate) program: &'a [u8],
    /// The bill of materials of the program, a text.
    pub(crate) sbom: String,
    pub(crate) sources: Sources,
}

/// What the program was compiled from, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    /// The commit, with `-dirty` at its end where it is not all.
    commit: String,
    /// When it was committed, in seconds and as a date.
    seconds: u64,
    date: String,
    compiler: String,
}

impl Sources {
    /// Asks git and the compiler. Outside a repository there is no commit.
    pub(crate) fn find(layout: &Layout) -> Self {
        let mut log =
            layout.line("git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%ct/%cd");
        let time = output_of(log.env("TZ", "UTC")).unwrap_or_default();
        let (seconds, date) = time.trim().split_once('/').unwrap_or_default();
        let describe = "git describe --always --dirty --abbrev=40 --exclude=*";
        let text = |words| {
            output_of(layout.line(words))
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        Self {
            commit: text(describe),
            seconds: seconds.parse().unwrap_or_default(),
            date: if date.is_empty() {
                "1970-01-01T00:00:00Z"
            } else {
                date
            }
            .to_owned(),
            compiler: text("rustc --version"),
        }
    }
}

/// An image, as an archive.
pub(crate) struct Image {
    /// The digest of its configuration, which is its id.
    pub(crate) id: String,
    /// The bytes of its files.
    pub(crate) size: usize,
    pub(crate) archive: Vec<u8>,
}

/// The processor in the words of container images, where this target has images.
pub(crate) fn architecture(target: &str) -> Option<&'static str> {
    match target {
        "x86_64-unknown-linux-gnu" => Some("amd64"),
        "aarch64-unknown-linux-gnu" => Some("arm64"),
        _ => None,
    }
}

/// What the image is called where it has been loaded.
pub(crate) fn name(version: &str) -> String {
    format!("localhost/matrix-support-chat:{version}")
}

/// Makes the image with its documents.
pub(crate) fn make(content: Content) -> Result<Image> {
    let Content {
        version,
        target,
        program,
        sbom,
        sources,
    } = content;
    let architecture = architecture(target).context("there are images for Linux alone")?;
    let mut blobs = Blobs::default();
    let certificates = certificates();
    let file = |path, mode, content| File {
        path,
        mode,
        content,
    };
    let base = [
        file("etc/group", 0o644, GROUP),
        file("etc/passwd", 0o644, PASSWD),
        // Where OpenSSL, and all who look where it looks, expect it on Debian.
        file(
            "etc/ssl/certs/ca-certificates.crt",
            0o644,
            certificates.as_bytes(),
        ),
    ];
    let size = base.iter().map(|it| it.content.len()).sum::<usize>() + program.len();
    let layers = [
        // Its time is fixed, so that it stays the same layer while the certificates do.
        blobs.add_layer(&base, 0)?,
        blobs.add_layer(
            &[file("matrix-support-chat", 0o755, program)],
            sources.seconds,
        )?,
    ];
    let diff_ids: Vec<_> = layers.iter().map(|layer| &*layer.diff_id).collect();
    let labels = labels(version, &sources);
    let config = configuration(architecture, &diff_ids, &sources.date, &labels);
    let config = blobs.add_json(oci::CONFIG, &config);
    let id = config["digest"].as_str().unwrap_or_default().to_owned();
    let descriptors: Vec<_> = layers.iter().map(|layer| &layer.descriptor).collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": oci::MANIFEST,
        "config": config,
        "layers": descriptors,
        "annotations": labels,
    });
    let manifest = blobs.add_json(oci::MANIFEST, &manifest);
    let provenance = provenance(version, target, &manifest, &sources).to_string();
    let artefacts = [
        blobs.add_artefact(&manifest, SBOM, sbom),
        blobs.add_artefact(&manifest, PROVENANCE, provenance),
    ];
    let mut image = manifest;
    image["platform"] = json!({"architecture": architecture, "os": "linux"});
    let mut manifests = vec![image];
    manifests.extend(artefacts);
    let index = json!({"schemaVersion": 2, "mediaType": oci::INDEX, "manifests": manifests});
    let mut index = blobs.add_json(oci::INDEX, &index);
    let name = name(version);
    // The first is what podman calls it, the second what Docker does.
    index["annotations"] = json!({
        "org.opencontainers.image.ref.name": name,
        "io.containerd.image.name": name,
    });
    // What `docker load` reads where it does not know OCI's layout.
    let docker = json!([{
        "Config": oci::blob_path(&config),
        "RepoTags": [name],
        "Layers": descriptors.iter().map(|it| oci::blob_path(it)).collect::<Vec<_>>(),
    }]);
    let archive = blobs.archive(&[index], &docker, sources.seconds)?;
    Ok(Image { id, size, archive })
}

/// Mozilla's authorities, of the version in `Cargo.lock`.
fn certificates() -> String {
    let pem = |certificate: &&[u8]| {
        let text = STANDARD.encode(certificate);
        let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
        let lines: Vec<_> = lines.collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        )
    };
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    roots
        .map(|certificate| pem(&certificate.as_ref()))
        .collect()
}

fn labels(version: &str, sources: &Sources) -> Value {
    json!({
        "org.opencontainers.image.title": "matrix-support-chat",
        "org.opencontainers.image.description": "A website's support chat, answered from Matrix",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": sources.commit,
        "org.opencontainers.image.created": sources.date,
        "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
        "org.opencontainers.image.source": REPOSITORY,
        "org.opencontainers.image.url": REPOSITORY,
    })
}

fn configuration(architecture: &str, diff_ids: &[&str], date: &str, labels: &Value) -> Value {
    let second: u64 = 1_000_000_000;
    json!({
        "architecture": architecture,
        "os": "linux",
        "created": date,
        "config": {
            "User": USER,
            "Entrypoint": ["/matrix-support-chat"],
            // In a container of its own, the loopback interface is nobody's. The admin listener stays there.
            "Env": ["SUPPORT_CHAT_LISTEN=0.0.0.0:8090"],
            "ExposedPorts": {"8090/tcp": {}},
            "StopSignal": "SIGTERM",
            "Labels": labels,
            // Docker's, which OCI does not name: the start includes migrations.
            "Healthcheck": {
                "Test": ["CMD", "/matrix-support-chat", "healthcheck"],
                "Interval": 15 * second,
                "Timeout": 5 * second,
                "StartPeriod": 60 * second,
                "Retries": 3,
            },
        },
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [
            {"created_by": "cargo xtask dist: certificates", "created": "1970-01-01T00:00:00Z"},
            {"created_by": "cargo xtask dist: program", "created": date},
        ],
    })
}

/// Says in in-toto's form (SLSA 1) what the image was made from.
fn provenance(version: &str, target: &str, manifest: &Value, sources: &Sources) -> Value {
    let how = format!("{REPOSITORY}/blob/v{version}/docs/releases.md");
    let digest = manifest["digest"].as_str().unwrap_or_default();
    let commit = sources.commit.trim_end_matches("-dirty");
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{
            "name": format!("matrix-support-chat:{version}"),
            "digest": {"sha256": digest.trim_start_matches("sha256:")},
        }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": how,
                "externalParameters": {"command": "cargo xtask dist", "target": target},
                "internalParameters": {
                    "compiler": sources.compiler,
                    "uncommittedChanges": commit != sources.commit,
                },
                "resolvedDependencies": [{
                    "uri": format!("git+{REPOSITORY}"),
                    "digest": {"gitCommit": commit},
                }],
            },
            "runDetails": {"builder": {"id": how}},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(program: &[u8]) -> Image {
        make(Content {
            version: "1.2.3",
            target: "x86_64-unknown-linux-gnu",
            program,
            sbom: "{}".to_owned(),
            sources: Sources {
                commit: "c0ffee-dirty".to_owned(),
                seconds: 1_700_000_000,
                date: "2023-11-14T22:13:20Z".to_owned(),
                compiler: "rustc 1".to_owned(),
            },
        })
        .unwrap()
    }

    /// A file of the archive, as JSON.
    fn read(archive: &[u8], path: &str) -> Value {
        let mut archive = tar::Archive::new(archive);
        let mut entries = archive.entries().unwrap().map(Result::unwrap);
        let entry = entries.find(|entry| entry.path().unwrap() == Path::new(path));
        serde_json::from_reader(entry.unwrap()).unwrap()
    }

    #[test]
    fn the_same_program_gives_the_same_image() {
        let (once, again, other) = (image(b"x"), image(b"x"), image(b"y"));
        assert_eq!(once.id, again.id);
        assert!(once.archive == again.archive);
        assert_ne!(once.id, other.id);
    }

    #[test]
    fn documents_refer_to_the_image() {
        let archive = image(b"x").archive;
        let outer = &read(&archive, "index.json")["manifests"][0];
        let index = read(&archive, &oci::blob_path(outer));
        let image = &index["manifests"][0];
        assert_eq!(image["platform"]["architecture"], "amd64");
        for (position, kind) in [(1, SBOM), (2, PROVENANCE)] {
            let descriptor = &index["manifests"][position];
            assert_eq!(descriptor["artifactType"], kind);
            // A machine that looks for an image for itself passes it over.
            assert_eq!(descriptor["platform"]["os"], "unknown");
            let manifest = read(&archive, &oci::blob_path(descriptor));
            assert_eq!(manifest["subject"]["digest"], image["digest"]);
        }
        let provenance = read(&archive, &oci::blob_path(&index["manifests"][2]));
        let statement = read(&archive, &oci::blob_path(&provenance["layers"][0]));
        let digest = statement["subject"][0]["digest"]["sha256"]
            .as_str()
            .unwrap();
        assert_eq!(image["digest"], format!("sha256:{digest}"));
        let definition = &statement["predicate"]["buildDefinition"];
        assert_eq!(definition["internalParameters"]["uncommittedChanges"], true);
        let source = &definition["resolvedDependencies"][0];
        assert_eq!(source["digest"]["gitCommit"], "c0ffee");
    }

    #[test]
    fn certificates_are_a_file_of_many() {
        let text = certificates();
        assert!(text.matches("-----BEGIN CERTIFICATE-----\n").count() > 100);
        assert!(text.lines().all(|line| line.len() <= 64));
    }
}
