package SealKM::Freed;

# What lies in the memory that nginx gives back: t/preload/freed.c, preloaded into
# the nginx of this test.
#
#     my $why_not = freed_nginx(%secret)   from now on; %secret: name => bytes
#     freed()                              { name => who gave it back }, of those
#                                          that were found since it was last asked

use strict;
use warnings;

use Exporter 'import';
use SealKM::Preload;
use SealKM::Util;

our @EXPORT = qw(freed_nginx freed);

my $path;


sub freed_nginx {
    my (%secret) = @_;

    # names are one word there, and no secret is longer
    $path = temp_file(join '', map {
        my $bytes = substr $secret{$_}, 0, 128;
        tr/ /_/r . ' ' . unpack('H*', $bytes) . "\n";
    } sort keys %secret);
    return preload('freed', SEAL_KM_FREED => $path);
}


sub freed {
    my (%found, $name);

    open my $file, '<', "$path.found" or return {};
    while (<$file>) {
        $name = tr/_/ /r =~ s/\n\z//r if !/^ /;
        $found{$name} .= $_ if /^ /;
    }
    unlink "$path.found";
    return \%found;
}


1;
