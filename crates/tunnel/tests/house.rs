//! The rules of this crate's house: where files stand, and which way imports point.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// The folders, from the top. A folder imports only those below it.
const FOLDERS: [&str; 4] = ["border", "conn", "flow", "net"];
/// Lines of code in a file, without comments, imports and blank lines.
const MAX_LINES: usize = 200;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn is_tests(path: &Path) -> bool {
    path.to_string_lossy().ends_with("_tests.rs")
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// The lines of code of a file, its tests left out. An import of several lines counts as none.
fn code(path: &Path) -> Vec<String> {
    let text = read(path);
    let text = text.split("#[cfg(test)]").next().unwrap();
    let mut in_import = false;
    let is_code = |line: &&str| {
        let line = line.trim();
        let is_import = in_import || line.starts_with("use ") || line.starts_with("pub use ");
        in_import = is_import && !line.ends_with(';');
        !is_import && !line.is_empty() && !line.starts_with("//")
    };
    text.lines().filter(is_code).map(str::to_owned).collect()
}

#[test]
fn the_docstring_of_each_folder_names_its_files() {
    for folder in files(&source())
        .iter()
        .filter(|path| path.ends_with("mod.rs"))
        .map(|path| path.parent().unwrap())
    {
        let text = read(&folder.join("mod.rs"));
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_string_lossy();
            let name = if path.is_dir() {
                format!("//! - `{stem}/`: ")
            } else {
                format!("//! - `{stem}`: ")
            };
            let is_named = stem == "mod" || is_tests(&path) || text.contains(&name);
            assert!(is_named, "{} does not name {stem}", folder.display());
        }
    }
}

#[test]
fn no_file_has_more_code_than_a_concern_needs() {
    for path in files(&source()).iter().filter(|path| !is_tests(path)) {
        let lines = code(path).len();
        assert!(lines <= MAX_LINES, "{}: {lines} lines", path.display());
    }
}

#[test]
fn imports_point_down() {
    for (at, folder) in FOLDERS.iter().enumerate() {
        for path in files(&source().join(folder)) {
            for above in &FOLDERS[..at] {
                let import = format!("crate::{above}::");
                let is_there = read(&path).contains(&import);
                assert!(!is_there, "{} imports {above}", path.display());
            }
        }
    }
}
