//! `ps` and `ip` of the demo image say what the real ones say.

use crate::support::{Learner, has_program, require};

/// Runs a command line with the real program, then with ours under the same name: what each printed.
fn both(command: &str, prepare: &str) -> [String; 2] {
    let script = format!(
        r#"
        {prepare}
        mkdir names && ln -s "$EXPLORE" names/ps && ln -s "$EXPLORE" names/ip
        {command} > real; echo "status $?" >> real
        PATH="$PWD/names:$PATH"
        {command} > ours; echo "status $?" >> ours
        cat real; echo =====; cat ours"#
    );
    // A shell with a name of its own keeps the two from being each other's neighbours in the lists.
    let output = Learner::new().program("sh", ["-c", &script]).run().status(0);
    let (real, ours) = output.out.split_once("=====\n").unwrap();
    [real.to_owned(), ours.to_owned()]
}

/// Numbers of processes, times, and whether one runs or sleeps are never the same twice.
fn without_numbers(text: &str) -> String {
    let mut words = String::new();
    for line in text.lines() {
        let line: Vec<String> = line
            .split_whitespace()
            .map(|word| word.chars().map(|one| if one.is_ascii_digit() { '0' } else { one }).collect::<String>())
            .map(|word| match word.as_str() {
                "R" | "D" => "S".to_owned(),
                number if number.chars().all(|one| "0:.".contains(one)) => "0".to_owned(),
                _ => word,
            })
            .collect();
        words.push_str(&line.join(" "));
        words.push('\n');
    }
    words
}

#[test]
fn ps_lists_the_processes_that_the_real_one_lists() {
    require!("applet::ps", has_program("ps"), "needs the real ps (procps)");
    for command in ["ps -ef", "ps aux", "ps -e", "ps ax", "ps -A -f", "ps -eo pid,ppid,user,stat,tty,time,args"] {
        let [real, ours] = both(command, "").map(|text| without_numbers(&text));
        assert_eq!(real, ours, "{command}");
    }
}

#[test]
fn ps_puts_its_columns_where_the_real_one_does() {
    require!("applet::ps_columns", has_program("ps"), "needs the real ps (procps)");
    let commands = [
        "ps -f -p 1",
        "ps -p 1",
        "ps -o pid,ppid,user,stat,tty,comm,args,pgid,sid,ni,nlwp,uid -p 1",
        "ps -o pid,utsns,pidns,mntns,netns,ipcns,userns -p 1",
        "ps -o pid= -p 1",
        "ps -o user=WHO,args -p 1",
        "ps --no-headers -o comm -p 1",
        "ps -p 999999",
    ];
    for command in commands {
        let [real, ours] = both(command, "");
        assert_eq!(real, ours, "{command}");
    }
}

#[test]
fn ip_says_what_the_real_one_says() {
    require!("applet::ip", has_program("ip"), "needs the real ip (iproute2)");
    // Where the test may, there is more to see than a loopback.
    let prepare = "
        ip link set lo up
        ip link add switch type bridge && ip link add one type veth peer name two && ip link set one master switch
        ip link set one up; ip link set switch up; ip link set two alias 'other end'
        ip address add 192.0.2.1/24 brd + dev switch; ip address add 192.0.2.7/24 dev switch
        ip address add 198.51.100.1 peer 198.51.100.2/32 dev two; ip link set two up
        ip route add default via 192.0.2.254; ip route add 203.0.113.0/24 via 192.0.2.253 metric 7
        until ! ip address | grep -q tentative; do sleep 0.1; done";
    let commands = [
        "ip a",
        "ip addr show switch",
        "ip link",
        "ip -br a",
        "ip -br link",
        "ip route",
        "ip r show dev switch",
        "ip -4 a",
        "ip -6 a",
        "ip a show dev nope",
    ];
    for command in commands {
        let [real, ours] = both(command, &format!("{{ {prepare}\n }} 2>/dev/null"));
        assert_eq!(real, ours, "{command}");
    }
}

#[test]
fn what_they_cannot_do_is_refused_in_their_own_name() {
    for (command, code) in [("ps -z", 1), ("ip rule", 1), ("ip addr add 1.2.3.4 dev lo", 1)] {
        let script =
            format!(r#"mkdir n; ln -s "$EXPLORE" n/ps; ln -s "$EXPLORE" n/ip; PATH="$PWD/n:$PATH"; {command}"#);
        let output = Learner::new().program("sh", ["-c", &script]).run().status(code).stdout("");
        assert!(output.err.contains("explore stands in for it"), "{}", output.shown());
    }
}
