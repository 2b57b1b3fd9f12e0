package SealKM::Memory;

# What lies in the memory of a process, and in its core dumps.
#
#     my @found = found_in($pid, \%needle)    "name at FILE-OR-anonymous", of
#                                             whatever is not kept out of core
#                                             dumps; needle: name => bytes
#     kept_out($pid, \%needle)                the same of what is (MADV_DONTDUMP)
#     gcore($pid)                             path of a core dump that gdb makes,
#                                             which has what a crash would leave
#     kernel_cores()                          1 where the kernel puts a core dump
#                                             into the folder of the process
#     memory_of($core)                        path of a copy of a core dump without
#                                             its notes, the processor's registers
#     file_has($path, \%needle)               names of those that are in a file

use strict;
use warnings;

use Exporter 'import';
use SealKM::Util;

our @EXPORT = qw(found_in kept_out gcore kernel_cores memory_of file_has);

# those of sanitizers and valgrind themselves are far larger
use constant LARGEST => 256 << 20;


# { from, size, what, flags } of what can be read
sub _mappings {
    my ($pid) = @_;
    no warnings 'portable';
    my @mappings;

    open my $smaps, '<', "/proc/$pid/smaps" or die "/proc/$pid/smaps: $!\n";

    while (<$smaps>) {
        if (my ($from, $to, $may, $what) = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+\s*(.*)/) {
            my $size = hex($to) - hex($from);
            push @mappings, { from => hex $from, size => $size, what => $what || 'anonymous',
                              read => $may =~ /^r/ && $size <= LARGEST
                                      && $what !~ m{^\[v|^/dev/(?!zero)} };

        } elsif (/^VmFlags:(.*)/) {
            $mappings[-1]{kept_out} = $1 =~ / dd\b/;
        }
    }

    return grep { $_->{read} } @mappings;
}


sub _search {
    my ($pid, $needle, $kept_out) = @_;
    my @found;
    my $read = 0;

    open my $mem, '<:raw', "/proc/$pid/mem" or die "/proc/$pid/mem: $!\n";

    for my $mapping (_mappings($pid)) {
        next if !!$mapping->{kept_out} != !!$kept_out;
        sysseek $mem, $mapping->{from}, 0 or next;
        my $got = sysread($mem, my $bytes, $mapping->{size}) or next;
        $read += $got;
        push @found, map { "$_ at $mapping->{what}" }
                     grep { index($bytes, $needle->{$_}) >= 0 } sort keys %$needle;
    }

    die "nothing of the memory of $pid can be read\n" if !$read && !$kept_out;
    return @found;
}


sub found_in { return _search(@_, 0) }
sub kept_out { return _search(@_, 1) }


sub gcore {
    my ($pid) = @_;
    my $path = temp_dir() . '/gcore';

    system("gcore -o $path $pid > $path.log 2>&1");
    -s "$path.$pid" or die 'gcore: ' . do { open my $log, '<', "$path.log"; join '', <$log> };
    return "$path.$pid";
}


sub kernel_cores {
    open my $file, '<', '/proc/sys/kernel/core_pattern' or return 0;
    return (<$file> // '|') =~ m{^[^|/]+$};
}


# What was copied last stays in the vector registers, half a kilobyte with
# AVX-512: no program can wipe what nginx, libc and the kernel leave there.
sub memory_of {
    my ($core) = @_;

    open my $file, '<:raw', $core or die "$core: $!\n";
    my $bytes = do { local $/; <$file> };

    # the program headers of ELF64: the type of PT_NOTE is 4
    my ($headers, $size, $n) = unpack 'x32 Q< x14 S< S<', $bytes;
    for my $i (0 .. $n - 1) {
        my ($type, $offset, $length)
            = unpack 'L< x4 Q< x16 Q<', substr $bytes, $headers + $i * $size, $size;
        substr($bytes, $offset, $length) = "\0" x $length if $type == 4;
    }
    return temp_file($bytes, 'core.memory');
}


sub file_has {
    my ($path, $needle) = @_;
    my %found;
    my $rest = '';
    my ($longest) = sort { $b <=> $a } map { length } values %$needle;

    open my $file, '<:raw', $path or die "$path: $!\n";

    while (read $file, my $bytes, 16 << 20) {
        $bytes = $rest . $bytes;
        index($bytes, $needle->{$_}) >= 0 and $found{$_} = 1 for keys %$needle;
        $rest = substr $bytes, -$longest;
    }

    return sort keys %found;
}


1;
