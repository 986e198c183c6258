//! `README.txt`: for whoever has the stick, in both languages, and only of what is in this kit.

use super::Part;
use super::program::Program;
use std::fmt::Write;

/// The commands with which a laptop begins. A test types them.
pub(super) fn first_commands(programs: &[Program], parts: &[Part]) -> Vec<String> {
    let has = |name: &str| parts.iter().any(|part| part.path == name || part.path.starts_with(&format!("{name}/")));
    let folders: Vec<&str> = ["images", "guest"].into_iter().filter(|name| has(name)).collect();
    let program = programs.first().map_or("explore", |program| program.name.as_str());
    let mut commands = vec!["mkdir ~/explore".to_owned()];
    if !folders.is_empty() {
        commands.push(format!("cp -r {} ~/explore", folders.join(" ")));
    }
    commands.push(format!("install {program} ~/explore/explore"));
    commands.push("cd ~/explore".into());
    commands.push("./explore doctor --class".into());
    commands.extend(has("images").then(|| "./explore load images/demo.tar".into()));
    commands.push("./explore lesson pid-namespace".into());
    commands
}

/// The text. The packages are those that were asked for by name.
pub(super) fn text(programs: &[Program], parts: &[Part], packages: &[String]) -> String {
    let has = |name: &str| parts.iter().any(|part| part.path.starts_with(name));
    let commands: String = first_commands(programs, parts).iter().map(|line| format!("    {line}\n")).collect();
    let several = programs.len() > 1;
    let release = super::packages::release();
    let contents: String = parts.iter().fold(String::new(), |mut text, part| {
        let _ = writeln!(text, "    {}", part.path);
        text
    });
    let (mut english, mut chinese) = (
        ENGLISH.replace("COMMANDS", &commands).replace("CONTENTS", &contents),
        CHINESE.replace("COMMANDS", &commands).replace("CONTENTS", &contents),
    );
    for (wanted, [en, zh]) in [
        (several, SEVERAL),
        (has("guest"), GUEST),
        (!packages.is_empty(), PACKAGES),
        (has("boxes") && has("Vagrantfile"), BOXES),
        (has("book"), BOOK),
        (has("leaflet"), LEAFLET),
    ] {
        if wanted {
            let filled = |text: &str| text.replace("RELEASE", &release).replace("NAMES", &packages.join(", "));
            english += &filled(en);
            chinese += &filled(zh);
        }
    }
    format!("{english}\n\n{chinese}")
}

const ENGLISH: &str = "\
explore: what a container really is
===================================
(中文说明在后半部分。)

This folder is for a workshop without Internet. Copy all of it to a stick; FAT and
exFAT will do. `sha256sum -c SHA256SUMS` in it says whether the copy is whole.

CONTENTS
On a laptop with Linux, in a terminal, in this folder:

COMMANDS
Everybody hands the code that `doctor --class` prints to whoever leads the
workshop, who reads all of them back with `explore doctor --read CODE...`.
Behind the code stands how the lessons run on that laptop: root, subuids and
single-uid live; guest in a virtual machine; replay as recordings. `explore
doctor` says what is lacking, and who can change it.

Nothing is installed. To be rid of it: ./explore clean, and rm -r ~/explore
~/.local/share/explore.
";

const CHINESE: &str = "\
explore：容器究竟是什么
=======================

本目录供没有互联网的工作坊使用。请把它整个复制到 U 盘，FAT 或 exFAT 均可。
在目录内运行 sha256sum -c SHA256SUMS，可以检查复制是否完整。

CONTENTS
在装有 Linux 的笔记本上，打开终端，进入本目录，依次运行：

COMMANDS
每个人把 doctor --class 打印的代码交给工作坊的主持人；主持人用
explore doctor --read 代码... 把所有代码读成一张表。代码后面的词说明课程在这台
笔记本上怎样运行：root、subuids、single-uid 直接在本机内核上运行；guest 在
虚拟机里运行；replay 只能回放录制。缺什么、谁能解决，由 explore doctor 说明。

以上步骤不安装任何东西。要清除干净：先 ./explore clean，再
rm -r ~/explore ~/.local/share/explore。
";

const SEVERAL: [&str; 2] = [
    "\nThere is a program for each kind of processor: the one that `uname -m` names is\nthe right one.\n",
    "\n每种处理器各有一个程序：uname -m 显示哪个名字，就用哪一个。\n",
];

const GUEST: [&str; 2] = [
    "\n\
The folder guest is a Linux kernel for `explore guest`, on laptops of class guest:
`./explore guest lesson pid-namespace`. It has to lie beside the program, and
needs QEMU. Kernel and modules are as their distribution built them.\n",
    "\n\
guest 目录是供 explore guest 使用的 Linux 内核，用于 guest 一类的笔记本：
./explore guest lesson pid-namespace。它必须和程序放在同一目录，并且需要
QEMU。内核和模块都是发行版构建的原样。\n",
];

const PACKAGES: [&str; 2] = [
    "\n\
The folder packages has NAMES, with all that they depend on, for
RELEASE. Only there: sudo sh packages/install.sh\n",
    "\n\
packages 目录包含 NAMES 及其全部依赖，只用于
RELEASE。安装：sudo sh packages/install.sh\n",
];

const BOXES: [&str; 2] = [
    "\n\
On a laptop without Linux that has Vagrant with VirtualBox or libvirt: copy this
folder to its disk, and there `vagrant up`, `vagrant ssh`.\n",
    "\n\
没有 Linux、但装有 Vagrant 与 VirtualBox 或 libvirt 的笔记本：把本目录复制到
硬盘，在其中运行 vagrant up，再运行 vagrant ssh。\n",
];

const BOOK: [&str; 2] = [
    "\nThe book, in a browser: book/en/index.html; `./explore book` shows it as well.\n",
    "\n书可用浏览器阅读：book/zh-CN/index.html；也可以运行 ./explore book。\n",
];

const LEAFLET: [&str; 2] = [
    "\nThe leaflet to print for each seat, one page: leaflet/en.pdf.\n",
    "\n可打印后发给每个人的一页说明：leaflet/zh-CN.pdf。\n",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn part(path: &str) -> Part {
        Part { path: path.into(), what: String::new(), bytes: 0 }
    }

    fn program(name: &str) -> Program {
        Program { from: name.into(), architecture: "x86_64", is_static: true, name: name.into() }
    }

    #[test]
    fn it_speaks_of_what_is_there() {
        let bare = text(&[program("explore-1-x86_64")], &[part("explore-1-x86_64")], &[]);
        assert!(bare.contains("install explore-1-x86_64 ~/explore/explore\n"), "{bare}");
        for absent in ["vagrant", "packages/", "images", "guest lesson", "leaflet/", "uname -m"] {
            assert!(!bare.contains(absent), "{absent}: {bare}");
        }
        let parts =
            ["images/demo.tar", "guest", "packages", "Vagrantfile", "boxes/libvirt.box", "book", "leaflet"].map(part);
        let names = ["qemu-system-x86".to_owned()];
        let whole = text(&[program("explore-1-x86_64"), program("explore-1-aarch64")], &parts, &names);
        for present in
            ["vagrant up", "packages/install.sh", "cp -r images guest", "guest lesson", "leaflet/", "uname -m"]
        {
            assert!(whole.matches(present).count() >= 2, "{present}: {whole}");
        }
        assert!(!whole.contains("NAMES") && !whole.contains("RELEASE") && !whole.contains("COMMANDS"), "{whole}");
    }

    #[test]
    fn its_lines_fit_a_terminal() {
        let parts = ["images/demo.tar", "guest", "Vagrantfile", "boxes/libvirt.box", "book", "leaflet"].map(part);
        let text = text(&[program("explore-0.1.0-x86_64")], &parts, &["qemu-system-x86".into(), "uidmap".into()]);
        for line in text.lines() {
            assert!(unicode_width::UnicodeWidthStr::width(line) <= 84, "{line}");
        }
    }
}
