//! What clap says, in Chinese: pages of help, and why a line is wrong.

use crate::support::{Learner, explore};
use unicode_width::UnicodeWidthStr;

const LANGUAGE: [&str; 2] = ["--lang", "zh-CN"];

#[test]
fn help_is_chinese_by_flag_and_by_locale_and_english_without() {
    let page = explore(LANGUAGE).args(["network", "create", "-h"]).run().status(0).stderr("");
    assert!(page.out.starts_with("创建网络：一个自己的网桥，容器在上面按名字找到彼此\n"), "{}", page.shown());
    for line in ["用法：explore network create [选项] <NAME>", "参数：", "选项：", "通用选项："] {
        assert!(page.out.lines().any(|one| one == line), "{line}\n{}", page.shown());
    }
    let by_locale = explore(["network", "create", "-h"]).env("LC_ALL", "zh_CN.UTF-8").run().status(0).out;
    let by_word = explore(LANGUAGE).args(["help", "network", "create"]).run().status(0).out;
    let english = explore(["--lang", "en", "network", "create", "-h"]).env("LC_ALL", "zh_CN.UTF-8").run().status(0).out;
    assert_eq!(by_locale, page.out);
    assert!(by_word.contains("创建网络") && english.contains("Usage: explore network create"), "{by_word}{english}");
}

/// clap counts characters, and Chinese ones take two columns: without help its lines would be up to twice as long.
#[test]
fn a_chinese_page_fits_the_terminal_and_its_second_column_stands_straight() {
    for columns in [40, 80, 200] {
        for command in ["run", "guest", "ps"] {
            let page = explore(LANGUAGE).args([command, "--help"]).terminal(columns).finish().status(0);
            // The usage is not broken, nor is a path.
            let may_stick_out =
                |line: &str| line.starts_with("用法：") || line.trim().split(' ').count() == 1 && line.contains('/');
            let wide = |line: &&str| line.width() > usize::from(columns) && !may_stick_out(line);
            assert_eq!(page.out.lines().find(wide), None, "{columns}: {}", page.shown());
            let stops = |line: &&str| line.trim_start().starts_with(['，', '。', '；', '：', '）', '、']);
            assert_eq!(page.out.lines().find(stops), None, "{}", page.shown());
        }
    }
    let page = explore(LANGUAGE).args(["ps", "-h"]).run().status(0).out;
    let rows = page.lines().skip_while(|line| *line != "选项：").skip(1).take_while(|line| !line.is_empty());
    let second = |line: &str| line.find(|one: char| !one.is_ascii()).map(|at| line[..at].width());
    let starts: Vec<usize> = rows.filter_map(second).collect();
    assert!(starts.len() > 5 && starts.iter().all(|start| *start == starts[0]), "{starts:?}\n{page}");
}

#[test]
fn a_wrong_line_is_told_in_chinese_with_the_same_code_and_on_the_same_stream() {
    #[rustfmt::skip]
    let table: &[(&[&str], i32, &str)] = &[
        (&["run", "--nome", "x", "demo"], 125, "错误：无法识别的参数 '--nome'\n\n  提示：有相近的参数：--name\n  提示：要把 '--nome' 作为值，请写 '-- --nome'\n\n用法：explore run"),
        (&["zzz"], 2, "错误：没有子命令 'zzz'\n\n用法：explore [选项] <命令>\n\n"),
        (&["layer", "unmount", "x"], 2, "错误：没有子命令 'unmount'\n\n  提示：有相近的子命令：mount、umount\n\n用法：explore layer [选项] <命令>\n\n"),
        (&["exec"], 1, "错误：缺少以下必需的参数：\n  <CONTAINER>\n  <COMMAND>...\n\n用法：explore exec --root <DIR> <CONTAINER> <COMMAND>...\n\n"),
        (&["book", "--out", "x", "record"], 2, "错误：'record' 不能与 '--out <DIR>' 同时使用\n\n用法：explore book [选项]\n      explore book <命令>\n\n"),
        (&["map", "layers", "--svg", "--dot", "--mermaid"], 2, "错误：'--svg' 不能与以下参数同时使用：\n  --dot\n  --mermaid\n\n"),
        (&["compare", "--json=3"], 2, "错误：'--json' 多了一个值 '3'；不能再给更多\n\n"),
        (&["book", "--", "record"], 2, "错误：无法识别的参数 'record'\n\n  提示：有子命令 'record'；要用它，请去掉它前面的 '--'\n\n"),
        (&["layer"], 2, "错误：'explore layer' 需要子命令，但没有给出\n  [子命令：mount、show、umount、help]\n\n用法：explore layer [选项] <命令>\n\n"),
        (&["guest", "--accel", "fast"], 2, "错误：'--accel <ACCEL>' 的值 'fast' 无效\n  [可选值：auto、kvm、tcg]\n"),
        (&["guest", "--memory", "1"], 2, "错误：'--memory <MIB>' 的值 '1' 无效：1 不在 256..=65536 之内\n"),
        (&["guest", "--memory", "x"], 2, "错误：'--memory <MIB>' 的值 'x' 无效：含有不是数字的字符\n"),
        (&["guest", "--memory"], 2, "错误：'--memory <MIB>' 需要一个值，但没有给出\n"),
    ];
    for (words, code, told) in table {
        let wrong = explore(LANGUAGE).args(*words).run().status(*code).stdout("");
        assert!(wrong.err.starts_with(*told), "{words:?}\n{}", wrong.shown());
        assert!(wrong.err.ends_with("更多信息见 '--help'。\n"), "{}", wrong.shown());
    }
}

#[test]
fn a_command_that_lacks_its_second_word_shows_its_help_as_the_english_one_does() {
    // A state folder that is set is an argument, too.
    let alone = || explore(["network"]).wrapped_by(["env", "-u", "EXPLORE_ROOT"]);
    let english = alone().run().stdout("").stderr_has("Usage: explore network");
    let chinese = alone().env("LANG", "zh_CN.UTF-8").run().stdout("");
    assert_eq!(chinese.code, english.code);
    assert!(
        chinese.err.contains("用法：explore network [选项] <命令>") && chinese.err.contains("[别名：list]"),
        "{}",
        chinese.shown()
    );
}

#[test]
fn chinese_help_is_coloured_for_a_terminal_alone() {
    let learner = Learner::new();
    let asked = |no_color: &str| {
        let mut page = learner.explore(LANGUAGE).arg("--help").env("NO_COLOR", no_color).terminal(80);
        page.wait_for("用法：");
        page.raw().contains(&0x1b)
    };
    assert_eq!([asked(""), asked("1")], [true, false]);
    let piped = explore(LANGUAGE).args(["--help"]).run().status(0).out;
    assert!(!piped.contains('\x1b'), "{piped}");
}
