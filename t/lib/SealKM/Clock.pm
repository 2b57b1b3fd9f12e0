package SealKM::Clock;

# The clocks that nginx sees: t/preload/clock.c, preloaded into the nginx of this
# test file.
#
#     my $why_not = shifted_nginx();    why it cannot be had, else undef
#     set_clocks($day, $forward)        by how many seconds the time of day, and the
#                                       time that only goes forward, are ahead
#     then(%set)                        options of SealKM::post() for a request of
#                                       that time of day

use strict;
use warnings;

use Exporter 'import';
use SealKM::Preload;
use SealKM::Util;

our @EXPORT = qw(shifted_nginx set_clocks then);

my $path;
my $ahead = 0;


sub shifted_nginx {
    $path = temp_file(pack('q2', 0, 0), 'clock');
    return preload('clock', SEAL_KM_CLOCK => $path);
}


# in place: nginx has the file mapped
sub set_clocks {
    my ($day, $forward) = @_;

    open my $file, '+<:raw', $path or die "$path: $!";
    syswrite $file, pack 'q2', $day, $forward;
    close $file or die "$path: $!";
    $ahead = $day;
    return;
}


sub then {
    my (%set) = @_;
    my $now = time + $ahead;

    return { %set, token => { exp => $now + 3600, nbf => $now - 3600,
                              %{ $set{token} // {} } },
             body => { 'Date/Time' => $now, %{ $set{body} // {} } } };
}


1;
