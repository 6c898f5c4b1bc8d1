// SPDX-License-Identifier: GPL-2.0

//! What `--map` and `--deny` say.

use crate::names::{
    self,
    BothSets, //
};
use std::{
    path::{
        Component,
        Path,
        PathBuf, //
    },
    str::FromStr, //
};

/// `CALL=ERRNO`.
#[derive(Clone, Debug)]
pub struct DenyRule {
    /// The calls of that name.
    pub calls: BothSets,
    /// How they fail.
    pub errno: i32,
}

impl FromStr for DenyRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, errno) = text
            .split_once('=')
            .ok_or("is to be CALL=ERRNO, as in connect=EPERM")?;
        let calls = names::select(name).map_err(|_| format!("no system call '{name}'"))?;
        if calls.native.is_empty() && calls.compat.is_empty() {
            return Err(format!("no system call '{name}'"));
        }
        let errno = names::errno_number(errno).ok_or_else(|| format!("no errno '{errno}'"))?;
        Ok(DenyRule { calls, errno })
    }
}

/// `SRC=DST`: the program asks for SRC, and gets DST.
#[derive(Clone, Debug, PartialEq)]
pub struct MapRule {
    /// The name in the view.
    pub name: PathBuf,
    /// What is there.
    pub place: PathBuf,
}

impl FromStr for MapRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, place) = text
            .split_once('=')
            .ok_or("is to be SRC=DST, as in /etc/passwd=/tmp/passwd")?;
        let absolute = |path: &str| {
            std::path::absolute(path)
                .map(|path| normal(&path))
                .map_err(|err| format!("'{path}': {err}"))
        };
        Ok(MapRule {
            name: absolute(name)?,
            place: absolute(place)?,
        })
    }
}

/// An absolute path without `.`, `..` and doubled slashes, by its text.
pub fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    normal
}

/// All the rules on names.
#[derive(Debug, Default)]
pub struct Names(Vec<MapRule>);

impl Names {
    /// Those that were given. Of two with the same name the first one counts.
    pub fn new(rules: &[MapRule]) -> Self {
        Names(rules.to_vec())
    }

    /// The file that is run for the first word of a command. None: the one that has that name anyway.
    pub fn program(&self, word: &str) -> Option<PathBuf> {
        let place = |name: &Path| {
            let name = normal(&std::path::absolute(name).ok()?);
            let place = self.place_of(&name);
            Some((place != name).then_some(place))
        };
        if word.contains('/') {
            return place(Path::new(word))?;
        }
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find_map(|folder| {
            let name = folder.join(word);
            let place = place(&name)?;
            let file = place.as_ref().unwrap_or(&name);
            // The first one that there is: under that name, or in its place.
            file.is_file().then_some(place)
        })?
    }

    /// Where the thing is that has this name in the view.
    pub fn place_of(&self, name: &Path) -> PathBuf {
        longest(&self.0, name, |rule| (&rule.name, &rule.place)).unwrap_or_else(|| name.to_owned())
    }

    /// The name in the view of what is there.
    pub fn name_of(&self, place: &Path) -> PathBuf {
        longest(&self.0, place, |rule| (&rule.place, &rule.name))
            .unwrap_or_else(|| place.to_owned())
    }
}

fn longest<'a>(
    rules: &'a [MapRule],
    path: &Path,
    sides: impl Fn(&'a MapRule) -> (&'a PathBuf, &'a PathBuf),
) -> Option<PathBuf> {
    let mut best: Option<(&Path, &Path, usize)> = None;
    for (from, to) in rules.iter().map(sides) {
        let Ok(rest) = path.strip_prefix(from) else {
            continue;
        };
        let depth = from.components().count();
        if best.is_none_or(|(_, _, other)| depth > other) {
            best = Some((rest, to, depth));
        }
    }
    // To join nothing would put a slash at the end, which a file must not have.
    best.map(|(rest, to, _)| match rest.as_os_str().is_empty() {
        true => to.to_owned(),
        false => to.join(rest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(rules: &[&str]) -> Names {
        let rules: Vec<MapRule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        Names::new(&rules)
    }

    #[test]
    fn paths_become_normal() {
        assert_eq!(normal(Path::new("/a/./b//../c/")), Path::new("/a/c"));
        assert_eq!(normal(Path::new("/../..")), Path::new("/"));
    }

    #[test]
    fn the_longest_name_counts() {
        let names = names(&["/etc=/tmp/etc", "/etc/passwd=/tmp/pw", "/usr/=/opt"]);
        let place = |name| names.place_of(Path::new(name));
        assert_eq!(place("/etc/passwd"), Path::new("/tmp/pw"));
        assert_eq!(place("/etc/passwd2"), Path::new("/tmp/etc/passwd2"));
        assert_eq!(place("/etcetera"), Path::new("/etcetera"));
        assert_eq!(place("/usr"), Path::new("/opt"));
        assert_eq!(place("/usr/bin/ls"), Path::new("/opt/bin/ls"));
        assert_eq!(names.name_of(Path::new("/tmp/etc/x")), Path::new("/etc/x"));
        assert_eq!(names.name_of(Path::new("/tmp/x")), Path::new("/tmp/x"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!("/etc".parse::<MapRule>().is_err());
        assert!("connect".parse::<DenyRule>().is_err());
        assert!("konnect=EPERM"
            .parse::<DenyRule>()
            .unwrap_err()
            .contains("konnect"));
        assert!("connect=EFOO"
            .parse::<DenyRule>()
            .unwrap_err()
            .contains("EFOO"));
        assert_eq!(
            "connect=EPERM".parse::<DenyRule>().unwrap().errno,
            libc::EPERM
        );
    }
}
