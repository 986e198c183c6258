//! The wall clock in the zone of this machine, as `ps` shows it. localtime(3).

/// A moment, as a calendar and a clock show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// 2026.
    pub year: i32,
    /// Days since the first of January.
    pub day_of_year: i32,
    /// 0 is January.
    pub month: usize,
    /// 1 to 31.
    pub day: i32,
    /// 0 to 23.
    pub hour: i32,
    /// 0 to 59.
    pub minute: i32,
    /// 0 to 60.
    pub second: i32,
    /// Seconds that this zone is before UTC.
    pub offset: i64,
}

/// Seconds after 1970 in the zone that TZ or /etc/localtime names.
pub fn local(seconds: i64) -> Local {
    let seconds: libc::time_t = seconds;
    // SAFETY: tm is plain data, for which all zeroes are a value; localtime_r fills it, and both outlive the call.
    let tm = unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const seconds, &raw mut tm);
        tm
    };
    Local {
        year: tm.tm_year + 1900,
        day_of_year: tm.tm_yday,
        month: tm.tm_mon as usize,
        day: tm.tm_mday,
        hour: tm.tm_hour,
        minute: tm.tm_min,
        second: tm.tm_sec,
        offset: tm.tm_gmtoff,
    }
}
