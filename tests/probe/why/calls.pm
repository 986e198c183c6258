# System calls that no everyday program makes, for the scripts of causes.rs. x86-64's and arm64's numbers are in asm/unistd.h;
# perl's own names for the few that we need are below.
package calls;
use strict;
use POSIX ();
my $arm = (POSIX::uname())[4] eq 'aarch64';
my %number = $arm
    ? (mkdir => 34, uname => 160, unshare => 97, clock_settime => 112, socket => 198, ptrace => 117, setgroups => 159,
       mount => 40, mlockall => 230)
    : (mkdir => 83, uname => 63, unshare => 272, clock_settime => 227, socket => 41, ptrace => 101, setgroups => 116,
       mount => 165, mlockall => 151);

# Makes a call, and ends with 1 where it is refused.
sub main::sys {
    my ($name, @arguments) = @_;
    # perl hands strings on by their address, and only those that can be written.
    my @own = map { my $one = $_; $one } @arguments;
    my $answer = syscall($number{$name} // $name, @own);
    exit 1 if $answer < 0;
}

# Lays a filter on this process: one call gets `answer`, all others pass. seccomp(2), linux/filter.h.
sub main::filter {
    my ($name, $answer) = @_;
    my $program = join '', map { pack 'SCCL', @$_ }
        [0x20, 0, 0, 0], [0x15, 0, 1, $number{$name}], [0x06, 0, 0, $answer], [0x06, 0, 0, 0x7fff0000];
    my $header = pack 'Sx6P', 4, $program;
    syscall(157, 38, 1, 0, 0, 0) if !$arm;                      # PR_SET_NO_NEW_PRIVS
    syscall(167, 38, 1, 0, 0, 0) if $arm;
    my $laid = $arm ? syscall(277, 1, 0, $header) : syscall(317, 1, 0, $header);
    die "no filter: $!" if $laid != 0;
}

# Nothing may be written any more. landlock(7): LANDLOCK_ACCESS_FS_WRITE_FILE is 2.
sub main::landlock {
    my $rules = pack 'Q', 2;
    my $ruleset = syscall(444, $rules, 8, 0);
    POSIX::_exit(99) if $ruleset < 0;
    syscall($arm ? 167 : 157, 38, 1, 0, 0, 0);
    POSIX::_exit(99) if syscall(446, $ruleset, 0) != 0;
}
1;
