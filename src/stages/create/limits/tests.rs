use super::*;

fn refused(limits: &Limits) -> String {
    limits.validate().unwrap_err().to_string()
}

#[test]
fn what_docker_refuses_is_refused() {
    let of = |memory, memory_swap, memory_reservation| Limits {
        memory,
        memory_swap,
        memory_reservation,
        ..Limits::default()
    };
    assert!(refused(&of(Some(1 << 20), None, None)).contains("minimum memory limit allowed is 6MB"));
    assert!(refused(&of(Some(9 << 20), Some(8 << 20), None)).contains("should be larger than memory limit"));
    assert!(refused(&of(None, Some(8 << 20), None)).contains("always set the memory limit"));
    assert!(refused(&of(None, None, Some(1))).contains("minimum memory reservation allowed is 6MB"));
    assert!(refused(&of(Some(8 << 20), None, Some(9 << 20))).contains("less than memory reservation"));
    assert_eq!(of(Some(8 << 20), Some(-1), Some(7 << 20)).validate(), Ok(()));
    let cpus = |nano_cpus, cpu_period, cpu_quota| Limits { nano_cpus, cpu_period, cpu_quota, ..Limits::default() };
    assert!(refused(&cpus(Some(1_000_000_000), Some(1000), None)).contains("conflicting options"));
    assert!(refused(&cpus(Some(1 << 60), None, None)).contains("range of CPUs is from 0.01 to"));
    assert!(refused(&cpus(None, Some(999), None)).contains("CPU cfs period"));
    assert!(refused(&cpus(None, None, Some(999))).contains("CPU cfs quota"));
    assert_eq!(cpus(None, Some(1000), Some(-1)).validate(), Ok(()));
    assert!(refused(&Limits { blkio_weight: Some(9), ..Limits::default() }).contains("10 to 1000"));
    assert!(refused(&Limits { oom_score_adj: Some(1001), ..Limits::default() }).contains("[-1000, 1000]"));
}

#[test]
fn memory_alone_means_as_much_swap_and_cpus_are_a_quota() {
    let limits = Limits { memory: Some(64 << 20), nano_cpus: Some(500_000_000), pids: Some(0), ..Limits::default() };
    let expected = json!({
        "memory": { "limit": 67_108_864, "swap": 134_217_728 },
        "cpu": { "quota": 50_000, "period": 100_000 },
        "pids": { "limit": -1 },
    });
    assert_eq!(limits.resources().unwrap(), expected);
    assert_eq!(Limits::default().resources().unwrap(), json!({}));
}

#[test]
fn an_update_keeps_what_it_does_not_name() {
    let mut limits = Limits { memory: Some(64 << 20), cpu_quota: Some(5000), ..Limits::default() };
    limits.merge(&Limits { nano_cpus: Some(1_000_000_000), ..Limits::default() });
    assert_eq!(limits, Limits { memory: Some(64 << 20), nano_cpus: Some(1_000_000_000), ..Limits::default() });
}
